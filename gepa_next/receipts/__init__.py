"""Receipts: how one is sealed, and how anybody checks it without the service."""
