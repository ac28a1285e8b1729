"""Use of a trained model: its weights in a file, its answers, the misclassified images."""
