"""The suite: pytest and hypothesis."""
