"""Benchmarks: longer runs whose figures go into docs/ with the command that made them."""
