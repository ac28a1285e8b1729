"""Tests of `parity.predict`."""
