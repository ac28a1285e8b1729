"""Tests: the pictures and pages."""
