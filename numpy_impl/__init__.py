"""The classifiers by hand, in NumPy: operations, layers, models, optimizers and training."""
