"""Tests of `parity.experiment.prepare`."""
