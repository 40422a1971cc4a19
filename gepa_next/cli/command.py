"""The command that is asked for, and how it ends if it cannot be carried out."""

import argparse
import sys

from gepa_next.commands import add_client_commands
from gepa_next.errors import (
    ConfigurationError,
    NoRoomError,
    NotFoundError,
    ReplayError,
    StoreError,
    UnavailableError,
)
from gepa_next.operating import add_operator_commands
from gepa_next.version import VERSION

USAGE_ERROR = 2
TRY_AGAIN = 75  # sysexits.h: EX_TEMPFAIL


def parsed(given: list[str]) -> argparse.Namespace:
    """Return the options, `run` among them; exit where that is all, or where they cannot be understood."""
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help", "--version"}):
        given = ["serve", *given]
    return parser().parse_args(given)


def carry_out(options: argparse.Namespace) -> None:
    """Run the command; exit with a line on stderr where it cannot be carried out."""
    try:
        options.run(options)
    except (ConfigurationError, NotFoundError, ReplayError, StoreError, UnavailableError) as error:
        print(f"gepa-next: {error}", file=sys.stderr)
        raise SystemExit(TRY_AGAIN if isinstance(error, NoRoomError) else USAGE_ERROR) from None


def parser() -> argparse.ArgumentParser:
    """Return what knows every command, without having loaded what only servers and operators need."""
    found = argparse.ArgumentParser(prog="gepa-next", description="Prompt optimization as a service for one box.")
    found.add_argument("--version", action="version", version=f"gepa-next {VERSION}")
    commands = found.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the API and run jobs (the default)")
    serve.add_argument("--dev", action="store_true", help="loopback, without authentication")
    serve.add_argument("--host", help="address to listen on (HOST)")
    serve.add_argument("--port", type=int, help="port to listen on, 0 for any free one (PORT)")
    serve.set_defaults(run=_serve)
    add_client_commands(commands)
    add_operator_commands(commands)
    return found


def _serve(options: argparse.Namespace) -> None:
    from gepa_next.cli.serving import serve

    serve(options)
