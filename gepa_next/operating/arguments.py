"""The arguments of the operator's commands; what carries a command out is loaded when it is called.

A command that only talks to a server needs neither settings nor a database, and `serve` becomes gunicorn, which must
find unloaded what it patches.
"""

import argparse
import math
from pathlib import Path

from gepa_next.operating.human_scores import SCALES
from gepa_next.tokens.lines import LIMITS, SCOPES

VERIFIED = ("events", "calls", "rollouts", "candidates")


def add_worker(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `worker`."""
    worker = commands.add_parser("worker", help="run jobs only, on the same database file")
    worker.set_defaults(run=_work)


def add_upkeep_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `backup`, `prune` and `check`."""
    backup = commands.add_parser("backup", help="write a consistent copy of the database, also while it is in use")
    backup.add_argument("file", type=Path, help="a file that does not exist yet")
    backup.set_defaults(run=_back_up)
    prune = commands.add_parser("prune", help="delete jobs that ended long ago, with all that belongs to them")
    prune.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="days since the job ended")
    prune.set_defaults(run=_prune)
    check = commands.add_parser("check", help="look for damage in the database file")
    check.set_defaults(run=_check_database)


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


def add_judge_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `judge` and what comes after it."""
    judge = commands.add_parser("judge", help="look at the judge: how it agrees with people, and with itself")
    about = judge.add_subparsers(required=True, metavar="COMMAND")
    calibrate = about.add_parser("calibrate", help="judge outputs that people have scored, and compare")
    calibrate.add_argument("file", type=Path, help="JSON lines, or CSV if its name ends so")
    calibrate.add_argument("--scale", type=int, choices=SCALES, default=1, help="the highest human score, 1 or 10")
    calibrate.add_argument("--json", action="store_true", help="print JSON")
    calibrate.set_defaults(run=_calibrate)
    check = about.add_parser("check", help="judge the anchors again, and compare with the first time")
    check.add_argument("--new-baseline", action="store_true", help="compare with nothing, and from now on with this")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=_check_judge)


def add_token_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `token` and what comes after it."""
    token = commands.add_parser("token", help="make a token, or look at a file of them (API_TOKENS_FILE)")
    about = token.add_subparsers(required=True, metavar="COMMAND")
    new = about.add_parser("new", help="print a new token, once, and the line for the file")
    new.add_argument("name", help="whose it is: what it makes belongs to the name")
    new.add_argument("--scope", action="append", choices=SCOPES, help="what it may do; default: read and write")
    new.add_argument("--expires", metavar="DATE", help="from when on it is good no more, as 2027-12-31")
    for name in LIMITS:
        new.add_argument(
            f"--{name.replace('_', '-')}", metavar="N", help="its limit, 0 for none; default: the server's"
        )
    new.set_defaults(run=_new_token)
    check = about.add_parser("check", help="say what a file of tokens says, or what is wrong with it")
    check.add_argument("file", type=Path, help="what API_TOKENS_FILE names")
    check.set_defaults(run=_check_tokens)


def _work(_: argparse.Namespace) -> None:
    from gepa_next.operating.worker import work

    work()


def _back_up(options: argparse.Namespace) -> None:
    from gepa_next.operating.upkeep import back_up_database

    back_up_database(options)


def _prune(options: argparse.Namespace) -> None:
    from gepa_next.operating.upkeep import prune_database

    prune_database(options)


def _check_database(options: argparse.Namespace) -> None:
    from gepa_next.operating.upkeep import check_database

    check_database(options)


def _verify(options: argparse.Namespace) -> None:
    from gepa_next.operating.proofs import check_receipt

    check_receipt(options)


def _replay(options: argparse.Namespace) -> None:
    from gepa_next.operating.proofs import replay_job

    replay_job(options)


def _calibrate(options: argparse.Namespace) -> None:
    from gepa_next.operating.judge import calibrate_judge

    calibrate_judge(options)


def _check_judge(options: argparse.Namespace) -> None:
    from gepa_next.operating.judge import check_anchors

    check_anchors(options)


def _new_token(options: argparse.Namespace) -> None:
    from gepa_next.operating.tokens import make_token

    make_token(options)


def _check_tokens(options: argparse.Namespace) -> None:
    from gepa_next.operating.tokens import check_tokens

    check_tokens(options)


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = math.nan
    if not 0 <= days < math.inf:
        raise argparse.ArgumentTypeError(f"a number of days is expected, not {text}")
    return days
