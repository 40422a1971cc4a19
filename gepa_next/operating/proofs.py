"""Commands that prove what a job came to: check its receipt, make it again from its ledger."""

import argparse
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from gepa_next.config import ConfigurationError
from gepa_next.operating.opening import open_database
from gepa_next.receipts.check import Check
from gepa_next.receipts.verify import verify
from gepa_next.store.jobs import get_job

VERIFIED = ("events", "calls", "rollouts", "candidates")


def add_proof_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `verify` and `replay`."""
    check = commands.add_parser("verify", help="check a receipt and files of its job, without the service")
    check.add_argument("receipt", type=Path, help="the job's receipt.json")
    for name in VERIFIED:
        check.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"the job's {name}.jsonl")
    check.add_argument("--head", help="a head of the event log that was kept from an earlier receipt")
    check.set_defaults(run=_verify)
    replay = commands.add_parser("replay", help="make a finished job again from its ledger, and compare")
    replay.add_argument("job", help="the job's id")
    replay.set_defaults(run=_replay)


def _verify(options: argparse.Namespace) -> None:
    given = {f"{name}.jsonl": getattr(options, name) for name in VERIFIED}
    try:
        with ExitStack() as opened:
            files = {name: opened.enter_context(path.open("rb")) for name, path in given.items() if path}
            _report(verify(options.receipt.read_bytes(), files, kept_head=options.head))
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from None


def _replay(options: argparse.Namespace) -> None:
    # Imported here: `serve` becomes gunicorn and must not have loaded what is patched there.
    from gepa_next.runner.replay import replay  # noqa: PLC0415

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
