"""Tests: The suite itself, and the structure of the house."""
