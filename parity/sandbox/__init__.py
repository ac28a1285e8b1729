"""Somebody else's code: the process it runs in, and what travels to and from there."""
