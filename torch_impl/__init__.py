"""The classifiers in PyTorch: the mirror of `numpy_impl`, file by file and name by name."""
