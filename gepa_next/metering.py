"""Metering: where what a process measures meets the store, and what all of them show together."""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gepa_next.errors import GepaNextError
from gepa_next.gepa.drift import anchors_fingerprint
from gepa_next.gepa.types import Role
from gepa_next.llm.failure import Scope
from gepa_next.llm.faults import FAULTS
from gepa_next.models import Counter, Process
from gepa_next.processes import started_at
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.leases import boot_id
from gepa_next.store.measured import forget_shown, list_shown, record_measured
from gepa_next.store.vitals import read_vitals
from gepa_next.telemetry.collector import JOB_ENDS, ServiceCollector
from gepa_next.telemetry.http import FAILED, METHODS
from gepa_next.telemetry.measures import Measures
from gepa_next.telemetry.meter import Meter

OUTCOMES = ("ok", "cached", "let_go", "outcome_unknown")
DISK_FULL = "disk_full"


def first_values() -> list[Counter]:
    """Return each series whose labels are known beforehand as nothing yet, so that its first burst is seen to rise."""
    calls = [(role, fault) for fault in FAULTS if fault.scope is not Scope.NONE for role in fault.roles]
    retried = [(role, fault) for role, fault in calls if fault.retries != 0]
    return [
        *(_nothing("jobs", status=end) for end in JOB_ENDS),
        _nothing("rollouts"),
        *(_nothing("llm_calls", role=role, outcome=outcome) for role in Role for outcome in OUTCOMES),
        *(_nothing("llm_calls", role=role, outcome=fault.code) for role, fault in calls),
        *(_nothing("llm_tokens", role=role, direction=way) for role in Role for way in ("input", "output")),
        *(_nothing("llm_cost_usd", role=role) for role in Role),
        *(_nothing("waits", reason=reason) for reason in (DISK_FULL, *(fault.code for _, fault in retried))),
        *(_nothing("gepa_llm_retries_total", role=role, fault=fault.code) for role, fault in retried),
        *(_nothing("flask_http_request_total", method=method, status=str(FAILED)) for method in METHODS),
    ]


def _nothing(name: str, **labels: str) -> Counter:
    return Counter(name=name, labels=tuple(sorted(labels.items())), value=0.0)


def meter_of(database: Database, measures: Measures) -> Meter:
    """Return the meter of this process, and have its commits measured."""
    this = _this_process()
    database.time_commits(measures.note_write)

    def tell(counters: Sequence[Counter], shown: Mapping[str, float]) -> None:
        record_measured(database, this, counters, shown)
        forget_shown(database, {each.process for each in list_shown(database) if not _is_alive(each.process)})

    return Meter(measures.registry, tell)


def collector_of(
    database: Database, measures: Measures, meter: Meter, *, judge_model_id: str, looked_s: Callable[[], float]
) -> ServiceCollector:
    """Return what a scraper of this process reads; `looked_s` says how long ago its streams were last looked after."""

    def flush() -> None:
        with suppress(GepaNextError):  # while nothing can be written the rest can be read all the same
            meter.flush()

    def vitals() -> dict[str, float]:
        found = read_vitals(
            database,
            judge_model_id=judge_model_id,
            anchors_fingerprint=anchors_fingerprint(judge_model_id),
            now=time.time(),
            monotonic=time.monotonic(),
        )
        return found | {"store_unwritable_seconds": database.unwritable_s, "tailer_last_look_seconds": looked_s()}

    return ServiceCollector(
        measures.registry,
        flush=flush,
        counters=lambda: list_counters(database),
        first=first_values(),
        vitals=vitals,
        shown=lambda: shown_by_the_living(database, meter.shown),
    )


def shown_by_the_living(database: Database, shown_here: Mapping[str, float]) -> Mapping[str, float]:
    """Return gauges by name, each summed over the processes that live; what this one has told may be old."""
    told = list_shown(database)
    living = {process for process in {each.process for each in told} if _is_alive(process)} - {_this_process()}
    sums = defaultdict(float, shown_here)
    for each in told:
        sums[each.name] += each.value if each.process in living else 0.0
    return sums


def _this_process() -> Process:
    pid = os.getpid()
    return Process(pid=pid, pid_started_at=started_at(pid) or 0, boot_id=boot_id())


def _is_alive(process: Process) -> bool:
    return process.boot_id == boot_id() and started_at(process.pid) == process.pid_started_at
