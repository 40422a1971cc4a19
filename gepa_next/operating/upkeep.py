"""Commands that keep the database file: copy it, take old jobs out of it, look for damage."""

import argparse
import sys
import time

from gepa_next.operating.opening import open_database
from gepa_next.store.housekeeping import back_up, check_file, prune_jobs

SECONDS_PER_DAY = 86_400


def back_up_database(options: argparse.Namespace) -> None:
    """Write a consistent copy of the database."""
    with open_database() as database:
        print(f"{options.file}: {back_up(database, options.file)} bytes")


def prune_database(options: argparse.Namespace) -> None:
    """Delete jobs that ended long ago."""
    with open_database() as database:
        print(f"{prune_jobs(database, before=time.time() - options.older_than * SECONDS_PER_DAY)} jobs deleted")


def check_database(_: argparse.Namespace) -> None:
    """Look for damage; exit with 1 if there is any."""
    with open_database() as database:
        found = check_file(database)
    if found:
        print("\n".join(found), file=sys.stderr)
        raise SystemExit(1)
    print("the database is whole")
