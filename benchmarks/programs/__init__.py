"""The columns of the table: each program trains the same work in its own way, in its own file.

The process of a program imports that file only, because JAX and scikit-learn may not be installed.
"""

from benchmarks.programs.base import Program, installed, load_program, program_names

__all__ = ["Program", "installed", "load_program", "program_names"]
