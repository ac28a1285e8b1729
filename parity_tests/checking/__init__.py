"""Tests of `parity.checking`."""
