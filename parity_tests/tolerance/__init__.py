"""Tests of `parity.tolerance`."""
