"""The command line."""

import argparse
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType

from gepa_next.commands import add_client_commands
from gepa_next.config import ConfigurationError, Settings, load_settings
from gepa_next.errors import NotFoundError, ReplayError, StoreError, UnavailableError
from gepa_next.judge_commands import add_judge_commands
from gepa_next.logs import set_up
from gepa_next.receipts.check import Check
from gepa_next.receipts.verify import verify
from gepa_next.store.checks import refuse_damaged, refuse_read_only
from gepa_next.store.database import Database
from gepa_next.store.housekeeping import back_up, check_file, prune_jobs
from gepa_next.store.jobs import get_job
from gepa_next.token_commands import add_token_commands
from gepa_next.version import VERSION

USAGE_ERROR = 2
SECONDS_PER_DAY = 86_400
GATE_TIMEOUT_S = 30.0
VERIFIED = ("events", "calls", "rollouts", "candidates")


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
        raise SystemExit(USAGE_ERROR) from None


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
    backup = commands.add_parser("backup", help="write a consistent copy of the database, also while it is in use")
    backup.add_argument("file", type=Path, help="a file that does not exist yet")
    backup.set_defaults(run=_back_up)
    prune = commands.add_parser("prune", help="delete jobs that ended long ago, with all that belongs to them")
    prune.add_argument("--older-than", type=_days, required=True, metavar="DAYS", help="days since the job ended")
    prune.set_defaults(run=_prune)
    check = commands.add_parser("check", help="look for damage in the database file")
    check.set_defaults(run=_check)
    verify = commands.add_parser("verify", help="check a receipt and files of its job, without the service")
    verify.add_argument("receipt", type=Path, help="the job's receipt.json")
    for name in VERIFIED:
        verify.add_argument(f"--{name}", type=Path, metavar="FILE", help=f"the job's {name}.jsonl")
    verify.add_argument("--head", help="a head of the event log that was kept from an earlier receipt")
    verify.set_defaults(run=_verify)
    replay = commands.add_parser("replay", help="make a finished job again from its ledger, and compare")
    replay.add_argument("job", help="the job's id")
    replay.set_defaults(run=_replay)
    add_client_commands(commands)
    add_judge_commands(commands, open_database=_database)
    add_token_commands(commands)
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
    listener.listen(2048)
    listener.set_inheritable(True)
    return listener


def _work(_: argparse.Namespace) -> None:
    """Run jobs until SIGTERM or SIGINT, then drain."""
    # Imported here: `serve` becomes gunicorn and must not have loaded what is patched there.
    import threading  # noqa: PLC0415

    from gepa_next.app import create_runner  # noqa: PLC0415
    from gepa_next.metering import meter_of  # noqa: PLC0415
    from gepa_next.processes import die_with_parent, has_parent, parent_is_gone, tell_service_manager  # noqa: PLC0415
    from gepa_next.telemetry.measures import Measures  # noqa: PLC0415

    stop = threading.Event()

    def on_signal(_signum: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    # It listens to nobody, so it needs no tokens.
    settings = load_settings(require_auth=False, allow_insecure_bind=True)
    set_up(level=settings.log_level, style=settings.log_format, secrets=settings.secrets())
    with _naming(settings.database_path):
        database = Database(settings.database_path, gate_timeout_s=GATE_TIMEOUT_S)
        refuse_read_only(database)
        if not has_parent():  # which has done it, and would take the time that it takes for a hang
            refuse_damaged(database)
    measures = Measures("runner")
    runner = create_runner(settings, database, measures)
    die_with_parent()
    runner.start()
    meter = meter_of(database, measures)
    meter.start()
    tell_service_manager("READY=1")
    stop.wait()
    tell_service_manager("STOPPING=1")
    meter.stop()
    # Without its parent it is in the way of the next one: what is in flight is given up at once.
    runner.drain(0.0 if parent_is_gone() else settings.drain_timeout_s)
    database.close()
    sys.stdout.flush()
    # Threads that wait for a model which never answers would keep the interpreter alive.
    os._exit(0)


def _back_up(options: argparse.Namespace) -> None:
    with _database() as database:
        print(f"{options.file}: {back_up(database, options.file)} bytes")


def _prune(options: argparse.Namespace) -> None:
    with _database() as database:
        print(f"{prune_jobs(database, before=time.time() - options.older_than * SECONDS_PER_DAY)} jobs deleted")


def _check(_: argparse.Namespace) -> None:
    with _database() as database:
        found = check_file(database)
    if found:
        print("\n".join(found), file=sys.stderr)
        raise SystemExit(1)
    print("the database is whole")


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

    with _database() as database:
        found = replay(database, get_job(database, options.job))
    if found.began_after:
        print(f"from iteration {found.began_after + 1} on; what was done before the job was resumed is taken as stored")
    _report(found.checks)


def _report(checks: Sequence[Check]) -> None:
    """Print a line for each check; exit with 1 unless all agree."""
    print("\n".join(map(str, checks)))
    if not all(check.agrees for check in checks):
        raise SystemExit(1)


@contextmanager
def _database() -> Iterator[Database]:
    """Yield the database of the settings; it must exist."""
    path = load_settings(require_auth=False, allow_insecure_bind=True).database_path
    if not path.exists():
        raise ConfigurationError(f"DATABASE_PATH: there is no {path.absolute()}")
    with _naming(path):
        database = Database(path, gate_timeout_s=GATE_TIMEOUT_S)
    with closing(database):
        yield database


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    try:
        yield
    except (StoreError, UnavailableError) as error:
        raise ConfigurationError(f"DATABASE_PATH: {path}: {error}") from None


def _days(text: str) -> float:
    days = float(text)
    if not 0 <= days < math.inf:
        raise ValueError(text)
    return days
