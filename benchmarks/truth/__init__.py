"""Verdicts and intervals against a truth that is known."""
