"""The command that serves: it becomes gunicorn."""

import argparse
import os
import socket
import sys

from gepa_next.config import BACKLOG, Settings, load_settings
from gepa_next.errors import ConfigurationError
from gepa_next.version import VERSION


def serve(options: argparse.Namespace) -> None:
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
    command = [sys.executable, "-m", "gepa_next.cli.gunicorn_start", "-c", "python:gepa_next.gunicorn_conf"]
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
