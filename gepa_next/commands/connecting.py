"""Which server a command talks to."""

import argparse
import os
import shlex
import sys

from gepa_next.client import Client, ClientError
from gepa_next.commands.terminal import seconds

URL = "http://127.0.0.1:8000"
PATIENCE_S = 300.0


def add_connection(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which server, and how patient to be with it."""
    group = parser.add_argument_group("server")
    group.add_argument("--url", help=f"address of the server (GEPA_NEXT_URL; {URL})")
    group.add_argument("--token", help="bearer token (GEPA_NEXT_TOKEN, which other users of the machine do not see)")
    group.add_argument("--ca-file", metavar="FILE", help="PEM file with certificates to trust (GEPA_NEXT_CA_FILE)")
    group.add_argument(
        "--patience", type=float, default=PATIENCE_S, metavar="SECONDS", help="for a busy or lost server"
    )
    parser.add_argument("--json", action="store_true", help="print JSON lines on a terminal too")


def connect(options: argparse.Namespace) -> Client:
    """Return a client of the server that options or environment name."""
    return Client(
        options.url or os.environ.get("GEPA_NEXT_URL") or URL,
        options.token or os.environ.get("GEPA_NEXT_TOKEN") or "",
        ca_file=options.ca_file or os.environ.get("GEPA_NEXT_CA_FILE") or None,
        patience_s=options.patience,
        on_wait=say_waiting,
    )


def next_command(options: argparse.Namespace, *words: str) -> str:
    """Return a command that asks the same server; the token stays unsaid."""
    named = {"--url": options.url, "--ca-file": options.ca_file}
    given = [word for name, value in named.items() if value for word in (name, value)]
    return shlex.join(["gepa-next", *words, *given])


def say_waiting(error: ClientError, pause_s: float) -> None:
    """Say on stderr why it takes longer, and when it is tried again."""
    again = f"in {seconds(pause_s)}" if pause_s >= 1 else "at once"
    print(f"gepa-next: {error}; again {again}", file=sys.stderr)
