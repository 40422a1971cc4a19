"""Comparisons of targets: one request, a job for each."""
