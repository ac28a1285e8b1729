"""Tests of `parity.contract`."""
