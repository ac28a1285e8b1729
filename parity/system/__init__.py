"""The machine: files that are written whole, the terminal, the number of threads."""
