"""The example bank."""
