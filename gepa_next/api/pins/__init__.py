"""Pinned prompts: versions, serving, re-tests."""
