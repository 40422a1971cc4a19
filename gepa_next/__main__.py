"""`python -m gepa_next` is the command line."""

from gepa_next.cli import main

main()
