"""Forks: jobs that begin with what another has come to."""
