"""gunicorn's configuration: the web process, and the runner kept beside it."""

import os
import signal
import sys
import threading
import time
from contextlib import closing
from math import ceil
from typing import Any

from gunicorn.glogging import Logger

from gepa_next.config import BACKLOG, ConfigurationError, load_settings
from gepa_next.errors import NoRoomError, StoreError, UnavailableError
from gepa_next.logs import formatter, set_up
from gepa_next.processes import RunnerKeeper, allow_descriptors
from gepa_next.store.checks import check_at_start
from gepa_next.store.database import Database

DESCRIPTORS_BESIDE = 200  # of the database, the log, connections to models
LISTEN_VARIABLE = "GEPA_NEXT_LISTEN"  # how the command line hands over a socket that is already bound

try:
    _settings = load_settings()
except ConfigurationError as error:
    # Here and not in the application: gunicorn would start workers that cannot load it for ever.
    sys.stderr.write(f"gepa-next: {error}\n")
    sys.exit(2)

# A worker started later, by SIGHUP or after a crash, must not have other settings than the runner, nor wrong ones.
os.environ.update(_settings.as_environment())

wsgi_app = "gepa_next.app:create_app_from_environment()"
bind = os.environ.get(LISTEN_VARIABLE) or (
    f"[{_settings.host}]:{_settings.port}" if ":" in _settings.host else f"{_settings.host}:{_settings.port}"
)
worker_class = "gepa_next.web_worker.WebWorker"
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
    try:
        # Here and not with the settings, which a SIGHUP loads again: a slip in the file must not end the service.
        _settings.check_token_file()
    except ConfigurationError as error:
        sys.stderr.write(f"gepa-next: {error}\n")
        sys.exit(2)
    try:
        with closing(Database(_settings.database_path)) as database:
            free = check_at_start(database)
    except (StoreError, UnavailableError) as error:
        sys.stderr.write(f"gepa-next: DATABASE_PATH: {_settings.database_path}: {error}\n")
        sys.exit(75 if isinstance(error, NoRoomError) else 2)  # sysexits.h: try again later
    if (allowed := allow_descriptors(needed := worker_connections + DESCRIPTORS_BESIDE)) < needed:
        server.log.warning(
            "MAX_SSE_CLIENTS: this process may open %d descriptors and needs %d: raise LimitNOFILE, or ulimit -n",
            allowed,
            needed,
        )
    server.log.info("database %s", _settings.database_path.absolute())
    if not free:
        server.log.warning(
            "another process keeps the database from being written; if it is a runner that hangs, it is killed"
        )
    if _settings.simulated:
        server.log.warning("no API key and no base URL: the built-in simulator answers, scores are simulated")
    if not _settings.require_auth:
        server.log.warning("authentication is off")
    if _settings.runner == "process":
        # Kept by the server: this module may be loaded anew at SIGHUP, and what it held would be lost.
        server.runner_keeper = RunnerKeeper([sys.executable, "-m", "gepa_next", "worker"])
        server.runner_keeper.start()


def post_worker_init(worker: Any) -> None:  # Any: gunicorn has no types
    """On SIGTERM say not ready for a second, then end the streams, then go."""
    # Here, as it imports requests, which must come after patching.
    from gepa_next.app import (  # noqa: PLC0415
        LAST_REQUESTS_S,
        LOOK_S,
        begin_shutdown,
        close_app,
        spare_what_is_loaded,
        start_meter,
    )

    spare_what_is_loaded()
    start_meter(worker.wsgi)
    stop = signal.getsignal(signal.SIGTERM)
    told = threading.Event()

    def leave_when_told() -> None:
        # gevent runs signal handlers where nothing may block, so the handler only raises a flag.
        while not told.wait(LOOK_S):
            pass
        begin_shutdown(worker.wsgi, settings=_settings)
        if callable(stop):
            stop(signal.SIGTERM, None)
        # Idle keep-alive connections would hold the worker; whoever still talks has this long.
        finish = getattr(worker, "finish", None)  # of our worker; another may have been asked for
        if callable(finish):
            finish(at_most_s=LAST_REQUESTS_S)
        else:
            time.sleep(LAST_REQUESTS_S)
        close_app(worker.wsgi)
        os._exit(0)

    signal.signal(signal.SIGTERM, lambda _signum, _frame: told.set())
    # Ctrl-C reaches every process of a terminal; the master turns it into SIGQUIT for its workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, lambda _signum, _frame: told.set())
    threading.Thread(target=leave_when_told, name="shutdown", daemon=True).start()


def on_exit(server: Any) -> None:  # Any: gunicorn has no types
    """Let the runner drain."""
    if _settings.runner == "process":
        server.runner_keeper.stop(_settings.drain_timeout_s + 5)
