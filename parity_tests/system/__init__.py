"""Tests of `parity.system`."""
