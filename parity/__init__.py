"""The comparison: the only code that imports both implementations."""
