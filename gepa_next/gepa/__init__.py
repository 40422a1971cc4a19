"""The algorithm (GEPA, arXiv:2507.19457): state in, events out, no I/O but its ports."""
