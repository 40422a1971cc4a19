"""Server-sent events: a tail of the event table."""
