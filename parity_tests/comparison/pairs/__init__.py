"""Pairs of programs as a user would write them, with mistakes to plant; none is a recipe's."""
