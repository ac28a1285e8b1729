"""Homework in the layouts of six courses: a right file of each, and what can go wrong in it."""
