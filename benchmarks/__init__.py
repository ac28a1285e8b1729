"""The benchmark script: `python -m benchmarks`."""
