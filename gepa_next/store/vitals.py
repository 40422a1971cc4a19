"""Vitals: how the service is just now, as far as the database and the disk beside it tell; each by an index."""

import shutil
from pathlib import Path

from gepa_next.store.database import Database
from gepa_next.store.judge_checks import find_last_check
from gepa_next.store.leases import LEASE_S, boot_id


def read_vitals(
    database: Database, *, judge_model_id: str, anchors_fingerprint: str, now: float, monotonic: float
) -> dict[str, float]:
    """Return the gauges by name; those of the judge are there once it was measured."""
    return (
        _of_queue(database, now=now)
        | _of_runners(database, monotonic=monotonic)
        | _of_files(database.path)
        | _of_judge(database, judge_model_id, anchors_fingerprint)
    )


def _of_queue(database: Database, *, now: float) -> dict[str, float]:
    running = database.rows("SELECT count(*) FROM jobs WHERE status = 'running'")[0][0]
    queued, since = database.rows(
        "SELECT count(*), min(coalesce(left_at, created_at)) FROM jobs WHERE status = 'queued'"
    )[0]
    oldest_s = 0.0 if since is None else max(0.0, now - since)
    return {"jobs_running": running, "jobs_queued": queued, "jobs_oldest_queued_seconds": oldest_s}


def _of_runners(database: Database, *, monotonic: float) -> dict[str, float]:
    alive = database.rows(
        "SELECT count(*) FROM runners WHERE boot_id = ? AND heartbeat_at >= ? AND draining = 0",
        (boot_id(), monotonic - LEASE_S),
    )
    return {"runners_alive": alive[0][0]}


def _of_files(path: Path) -> dict[str, float]:
    """Return sizes that the kernel tells: to open the files would drop SQLite's locks."""
    wal = path.with_name(path.name + "-wal")
    return {
        "database_bytes": path.stat().st_size,
        "database_wal_bytes": wal.stat().st_size if wal.exists() else 0,
        "disk_free_bytes": shutil.disk_usage(path.parent).free,
    }


def _of_judge(database: Database, model_id: str, fingerprint: str) -> dict[str, float]:
    row = database.row(
        "SELECT judge_noise ->> '$.sd' AS sd FROM jobs WHERE judge_model_id = ? AND judge_noise IS NOT NULL"
        " ORDER BY created_at DESC LIMIT 1",
        (model_id,),
    )
    found = {} if row is None or row["sd"] is None else {"judge_noise": float(row["sd"])}
    if (check := find_last_check(database, fingerprint)) is None:
        return found
    shift, moved = (check.drift.shift, check.drift.moved) if check.drift else (0.0, False)
    return {**found, "judge_shift": shift, "judge_moved": float(moved)}
