"""Tests: The benchmark script."""
