"""Proposers: each operator makes one small edit of a parent."""
