"""The comparison: both backends in lock-step, step by step, and what was found."""
