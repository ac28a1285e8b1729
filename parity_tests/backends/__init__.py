"""Tests of the programs that are compared."""
