"""gepa-next: prompt optimization for one box. Importing this package starts and loads nothing."""
