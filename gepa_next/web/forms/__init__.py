"""Forms that order jobs and act on them, with scripts and without."""
