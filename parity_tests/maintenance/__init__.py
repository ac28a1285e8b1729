"""Tests: The maintainers' scripts."""
