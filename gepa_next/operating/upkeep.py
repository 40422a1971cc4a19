"""Commands that keep the database file: copy it, take old jobs out of it, look for damage."""

import argparse
import math
import sys
import time
from pathlib import Path

from gepa_next.operating.opening import open_database
from gepa_next.store.housekeeping import back_up, check_file, prune_jobs

SECONDS_PER_DAY = 86_400


def add_upkeep_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `backup`, `prune` and `check`."""
    backup = commands.add_parser("backup", help="write a consistent copy of the database, also while it is in use")
    backup.add_argument("file", type=Path, help="a file that does not exist yet")
    backup.set_defaults(run=_back_up)
    prune = commands.add_parser("prune", help="delete jobs that ended long ago, with all that belongs to them")
    prune.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="days since the job ended")
    prune.set_defaults(run=_prune)
    check = commands.add_parser("check", help="look for damage in the database file")
    check.set_defaults(run=_check)


def _back_up(options: argparse.Namespace) -> None:
    with open_database() as database:
        print(f"{options.file}: {back_up(database, options.file)} bytes")


def _prune(options: argparse.Namespace) -> None:
    with open_database() as database:
        print(f"{prune_jobs(database, before=time.time() - options.older_than * SECONDS_PER_DAY)} jobs deleted")


def _check(_: argparse.Namespace) -> None:
    with open_database() as database:
        found = check_file(database)
    if found:
        print("\n".join(found), file=sys.stderr)
        raise SystemExit(1)
    print("the database is whole")


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"a number of days is expected, not {text}")
    return days
