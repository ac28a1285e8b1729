"""The commands of `parity`, a file each: a dataclass of options with a method `run`."""
