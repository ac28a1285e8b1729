"""The columns of the table: each program trains the same work in its own way, a file each.

A program's process imports its own file only, for JAX and scikit-learn need not be installed.
"""

from benchmarks.programs.base import Program, installed, load_program, program_names

__all__ = ["Program", "installed", "load_program", "program_names"]
