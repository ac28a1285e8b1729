"""The pictures: training curves, sweeps, and images with their answers."""
