"""One comparison, or one training, on several processes."""
