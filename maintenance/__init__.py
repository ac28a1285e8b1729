"""Scripts for maintainers, which measure and rebuild tables; not a part of the library."""
