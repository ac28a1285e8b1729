"""Tests of `parity.datasets`."""
