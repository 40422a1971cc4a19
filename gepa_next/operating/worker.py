"""The runner as a process: it runs jobs until it is told to go, then drains."""

import os
import signal
import sys
import threading
from types import FrameType
from typing import NoReturn

from gepa_next.app import create_runner
from gepa_next.config import Settings, load_settings
from gepa_next.logs import set_up
from gepa_next.metering import meter_of
from gepa_next.operating.opening import GATE_TIMEOUT_S, naming
from gepa_next.processes import die_with_parent, has_parent, parent_is_gone, tell_service_manager
from gepa_next.runner.runner import Runner
from gepa_next.store.checks import refuse_damaged, refuse_read_only
from gepa_next.store.database import Database
from gepa_next.telemetry.measures import Measures
from gepa_next.telemetry.meter import Meter


def work() -> NoReturn:
    """Run jobs until SIGTERM or SIGINT, then drain."""
    told = _told_to_go()
    # It listens to nobody, so it needs no tokens.
    settings = load_settings(require_auth=False, allow_insecure_bind=True)
    set_up(level=settings.log_level, style=settings.log_format, secrets=settings.secrets())
    database = _open_sound(settings)
    runner, meter = _start(settings, database)
    tell_service_manager("READY=1")
    told.wait()
    tell_service_manager("STOPPING=1")
    meter.stop()
    # Without its parent it is in the way of the next one: what is in flight is given up at once.
    runner.drain(0.0 if parent_is_gone() else settings.drain_timeout_s)
    database.close()
    sys.stdout.flush()
    # Threads that wait for a model which never answers would keep the interpreter alive.
    os._exit(0)


def _told_to_go() -> threading.Event:
    told = threading.Event()

    def on_signal(_signum: int, _frame: FrameType | None) -> None:
        told.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return told


def _open_sound(settings: Settings) -> Database:
    with naming(settings.database_path):
        database = Database(settings.database_path, gate_timeout_s=GATE_TIMEOUT_S)
        refuse_read_only(database)
        if not has_parent():  # which has done it, and would take the time that it takes for a hang
            refuse_damaged(database)
    return database


def _start(settings: Settings, database: Database) -> tuple[Runner, Meter]:
    measures = Measures("runner")
    runner = create_runner(settings, database, measures)
    die_with_parent()
    runner.start()
    meter = meter_of(database, measures)
    meter.start()
    return runner, meter
