"""The command line."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from gepa_next.commands import add_client_commands
from gepa_next.config import BACKLOG, ConfigurationError, Settings, load_settings
from gepa_next.errors import NoRoomError, NotFoundError, ReplayError, StoreError, UnavailableError
from gepa_next.operating import add_operator_commands
from gepa_next.version import VERSION

USAGE_ERROR = 2
TRY_AGAIN = 75  # sysexits.h: EX_TEMPFAIL


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; without one, serve."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or (given[0].startswith("-") and given[0] not in {"-h", "--help", "--version"}):
        given = ["serve", *given]
    options = _parser().parse_args(given)
    try:
        options.run(options)
    except (ConfigurationError, NotFoundError, ReplayError, StoreError, UnavailableError) as error:
        print(f"gepa-next: {error}", file=sys.stderr)
        raise SystemExit(TRY_AGAIN if isinstance(error, NoRoomError) else USAGE_ERROR) from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gepa-next", description="Prompt optimization as a service for one box.")
    parser.add_argument("--version", action="version", version=f"gepa-next {VERSION}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the API and run jobs (the default)")
    serve.add_argument("--dev", action="store_true", help="loopback, without authentication")
    serve.add_argument("--host", help="address to listen on (HOST)")
    serve.add_argument("--port", type=int, help="port to listen on, 0 for any free one (PORT)")
    serve.set_defaults(run=_serve)
    worker = commands.add_parser("worker", help="run jobs only, on the same database file")
    worker.set_defaults(run=_work)
    add_client_commands(commands)
    add_operator_commands(commands)
    return parser


def _serve(options: argparse.Namespace) -> None:
    """Become gunicorn, with the socket bound already, so that port 0 can be told and a taken one refused."""
    if options.dev:
        os.environ["REQUIRE_AUTH"] = "false"
    if options.host is not None:
        os.environ["HOST"] = options.host
    if options.port is not None:
        os.environ["PORT"] = str(options.port)
    settings = load_settings()
    settings.check_token_file()
    listener = _bind(settings)
    os.environ["GEPA_NEXT_LISTEN"] = f"fd://{listener.fileno()}"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"gepa-next {VERSION} on http://{host}:{listener.getsockname()[1]}", flush=True)
    command = [sys.executable, "-m", "gunicorn", "-c", "python:gepa_next.gunicorn_conf"]
    os.execv(sys.executable, command)  # noqa: S606 - our own command


def _bind(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        raise ConfigurationError(f"HOST, PORT: cannot listen on {settings.host}:{settings.port}: {error}") from None
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


def _work(_: argparse.Namespace) -> None:
    # Imported here: `serve` becomes gunicorn and must not have loaded what is patched there.
    from gepa_next.operating.worker import work  # noqa: PLC0415

    work()
