"""Prometheus: what this process measures, what all of them have counted, and how a scraper reads it."""
