"""Tests of `parity.comparison.steps`."""
