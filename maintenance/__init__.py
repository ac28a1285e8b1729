"""The maintainers' scripts, which rebuild tables and measure; not a part of the library."""
