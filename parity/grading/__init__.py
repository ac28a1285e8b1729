"""Grading of a class: many checks, points for each name, what a teacher wants to see of them."""
