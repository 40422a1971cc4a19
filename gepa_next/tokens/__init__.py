"""Tokens: who has one, what it may do, and where the service learns of it."""
