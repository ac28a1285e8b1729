"""Tests of `parity.gradients`."""
