"""Tests of `parity serve`: the server, its answers, and the page in a real browser."""
