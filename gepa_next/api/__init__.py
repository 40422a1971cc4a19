"""The HTTP API: one blueprint per module; each handler decodes, validates, stores, responds."""
