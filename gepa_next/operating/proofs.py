"""Carry out the commands that prove what a job came to: check its receipt, make it again from its ledger."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack

from gepa_next.errors import ConfigurationError
from gepa_next.operating.arguments import VERIFIED
from gepa_next.operating.opening import open_database
from gepa_next.receipts.check import Check
from gepa_next.receipts.verify import verify
from gepa_next.runner.replay import replay
from gepa_next.store.jobs import get_job


def check_receipt(options: argparse.Namespace) -> None:
    """Check a receipt and files of its job, without the service."""
    given = {f"{name}.jsonl": getattr(options, name) for name in VERIFIED}
    try:
        with ExitStack() as opened:
            files = {name: opened.enter_context(path.open("rb")) for name, path in given.items() if path}
            _report(verify(options.receipt.read_bytes(), files, kept_head=options.head))
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from None


def replay_job(options: argparse.Namespace) -> None:
    """Make a finished job again from its ledger, and compare."""
    with open_database() as database:
        found = replay(database, get_job(database, options.job))
    if found.began_after:
        print(f"from iteration {found.began_after + 1} on; what was done before the job was resumed is taken as stored")
    _report(found.checks)


def _report(checks: Sequence[Check]) -> None:
    """Print a line for each check; exit with 1 unless all agree."""
    print("\n".join(map(str, checks)))
    if not all(check.agrees for check in checks):
        raise SystemExit(1)
