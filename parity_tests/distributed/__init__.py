"""Tests of `parity.distributed`, and of what `numpy_impl` does with several processes."""
