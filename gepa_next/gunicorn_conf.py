"""gunicorn's configuration: the web process, and the runner kept beside it."""

import os
import sys
from contextlib import closing
from math import ceil
from typing import Any, NoReturn

from gunicorn.glogging import Logger

from gepa_next.config import BACKLOG, load_settings
from gepa_next.errors import ConfigurationError, NoRoomError, StoreError, UnavailableError
from gepa_next.logs import formatter, set_up
from gepa_next.processes import RunnerKeeper, allow_descriptors
from gepa_next.store.checks import check_at_start
from gepa_next.store.database import Database

DESCRIPTORS_BESIDE = 200  # of the database, the log, connections to models
USAGE_ERROR = 2
TRY_AGAIN = 75  # sysexits.h
LISTEN_VARIABLE = "GEPA_NEXT_LISTEN"  # how the command line hands over a socket that is already bound

try:
    _settings = load_settings()
except ConfigurationError as error:
    # Here and not in the application: gunicorn would start workers that cannot load it for ever.
    sys.stderr.write(f"gepa-next: {error}\n")
    sys.exit(USAGE_ERROR)

# A worker started later, by SIGHUP or after a crash, must not have other settings than the runner, nor wrong ones.
os.environ.update(_settings.as_environment())

wsgi_app = "gepa_next.app:create_app_from_environment()"
bind = os.environ.get(LISTEN_VARIABLE) or (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
worker_class = "gepa_next.serving.worker.WebWorker"
workers = 1
backlog = BACKLOG
worker_connections = _settings.max_sse_clients + 200
keepalive = 5
timeout = 60
graceful_timeout = 5 + (ceil(_settings.drain_timeout_s) if _settings.runner == "thread" else 0)
preload_app = False  # patching and the database both want a forked process
control_socket_disable = True
loglevel = _settings.log_level.lower()


class _Log(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's log, with lines like all others, wherever its own options have it written."""

    def setup(self, cfg: Any) -> None:  # Any: gunicorn has no types
        super().setup(cfg)
        lines = formatter(_settings.log_format, _settings.secrets())
        for handler in (*self.error_log.handlers, *self.access_log.handlers):
            handler.setFormatter(lines)


logger_class = _Log


def on_starting(server: Any) -> None:  # Any: gunicorn has no types
    """Bring the database up to date, say what serves, and start the runner."""
    # What is forked from here on has it too; gevent patches its lock.
    set_up(level=_settings.log_level, style=_settings.log_format, secrets=_settings.secrets())
    _check_tokens()
    free = _open_once()
    _warn(server.log, free=free)
    if _settings.runner == "process":
        # Kept by the server: this module may be loaded anew at SIGHUP, and what it held would be lost.
        server.runner_keeper = RunnerKeeper([sys.executable, "-m", "gepa_next", "worker"])
        server.runner_keeper.start()


def _check_tokens() -> None:
    try:
        # Here and not with the settings, which a SIGHUP loads again: a slip in the file must not end the service.
        _settings.check_token_file()
    except ConfigurationError as error:
        _give_up(str(error), USAGE_ERROR)


def _open_once() -> bool:
    """Open the database, which brings it up to date; say whether it can be written now."""
    try:
        with closing(Database(_settings.database_path)) as database:
            return check_at_start(database)
    except (StoreError, UnavailableError) as error:
        status = TRY_AGAIN if isinstance(error, NoRoomError) else USAGE_ERROR
        _give_up(f"DATABASE_PATH: {_settings.database_path}: {error}", status)


def _give_up(why: str, status: int) -> NoReturn:
    sys.stderr.write(f"gepa-next: {why}\n")
    sys.exit(status)


def _warn(log: Any, *, free: bool) -> None:  # Any: as above
    """Say what serves, and what an operator may not have meant."""
    if (allowed := allow_descriptors(needed := worker_connections + DESCRIPTORS_BESIDE)) < needed:
        log.warning(
            "MAX_SSE_CLIENTS: this process may open %d descriptors and needs %d: raise LimitNOFILE, or ulimit -n",
            allowed,
            needed,
        )
    log.info("database %s", _settings.database_path.absolute())
    if not free:
        log.warning("another process keeps the database from being written; if it is a runner that hangs, it is killed")
    if _settings.simulated:
        log.warning("no API key and no base URL: the built-in simulator answers, scores are simulated")
    if not _settings.require_auth:
        log.warning("authentication is off")


def post_worker_init(worker: Any) -> None:  # Any: gunicorn has no types
    """Have the worker leave in good order when it is told to."""
    # Here, as it imports requests, which must come after patching.
    from gepa_next.serving.lifecycle import make_ready  # noqa: PLC0415

    make_ready(worker, settings=_settings)


def on_exit(server: Any) -> None:  # Any: gunicorn has no types
    """Let the runner drain."""
    if _settings.runner == "process":
        server.runner_keeper.stop(_settings.drain_timeout_s + 5)
