"""Tests: The command `parity`."""
