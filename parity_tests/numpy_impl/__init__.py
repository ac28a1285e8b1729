"""Tests: The implementation by hand."""
