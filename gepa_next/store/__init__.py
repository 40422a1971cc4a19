"""SQLite: all SQL of the service, returning models."""
