"""Leases: which runner owns a job, proved by a heartbeat and fenced by an epoch."""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gepa_next.store.codec import to_json
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
from gepa_next.store.sqlite_errors import is_of_the_file

LEASE_S = 5.0  # no job is taken from a runner that was alive so lately

_CLAIMABLE = """
    FROM jobs WHERE status IN ('queued', 'running')
    AND (owner NOT IN (SELECT id FROM runners) OR (status = 'queued' AND (owner IS NULL OR owner = ?)))
    AND id NOT IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerIdentity:
    """One runner; `boot_id` tells whose monotonic clock its heartbeats are read on.

    The process is told from a later one of the same pid by `pid_started_at`, in clock ticks since the boot.
    """

    id: str
    pid: int
    pid_started_at: int
    boot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that is this runner's under an epoch; `request_id` is of the request that made it."""

    job_id: str
    epoch: int
    resumed: bool
    request_id: str = ""


def register_runner(database: Database, runner: RunnerIdentity, *, now: float, monotonic: float) -> None:
    """Enter the runner."""

    def unit(db: sqlite3.Connection) -> None:
        db.execute(
            "INSERT INTO runners (id, pid, pid_started_at, boot_id, started_at, heartbeat_at, seen_at)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (runner.id, runner.pid, runner.pid_started_at, runner.boot_id, now, monotonic, now),
        )

    database.write(unit)


def beat(database: Database, runner: RunnerIdentity, *, now: float, monotonic: float, draining: bool) -> bool:
    """Note that this runner can use the database; False if the runner is not entered, or was struck off."""
    return database.write(
        lambda db: bool(
            db.execute(
                "UPDATE runners SET heartbeat_at = ?, seen_at = ?, draining = ? WHERE id = ?",
                (monotonic, now, draining, runner.id),
            ).rowcount
        )
    )


def retire_runner(database: Database, runner_id: str) -> None:
    """Strike a runner off and put its jobs back into the queue, from where anybody may go on with them.

    They count as waiting since it was last heard of.
    """

    def unit(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE jobs SET status = 'queued', owner = NULL, left_at = max(updated_at, runners.seen_at)"
            " FROM runners WHERE runners.id = ? AND owner = runners.id AND status = 'running'",
            (runner_id,),
        )
        db.execute("DELETE FROM runners WHERE id = ?", (runner_id,))

    database.write(unit)


def release_job(database: Database, job_id: str, *, epoch: int, now: float) -> None:
    """Let anybody have a job of this owner's; it goes back into the queue if it still runs.

    One that ended and is resumed is its owner's until then, as long as that one lives: others would buy again what it
    has under way.
    """

    def unit(db: sqlite3.Connection) -> None:
        db.execute(
            "UPDATE jobs SET status = 'queued', left_at = ?, updated_at = ?"
            " WHERE id = ? AND owner_epoch = ? AND status = 'running'",
            (now, now, job_id, epoch),
        )
        db.execute("UPDATE jobs SET owner = NULL WHERE id = ? AND owner_epoch = ?", (job_id, epoch))

    database.write(unit)


def claim_job(database: Database, runner: RunnerIdentity, *, now: float, but: Collection[str] = ()) -> Claim | None:
    """Take the oldest job that nobody works on or has calls of under way, `but` for those; None if there is none.

    The new epoch, the status and the event `started` or `resumed` are one transaction.
    """

    def unit(db: sqlite3.Connection) -> Claim | None:
        if db.execute("SELECT 1 FROM runners WHERE id = ?", (runner.id,)).fetchone() is None:
            return None  # struck off: what it took would be anybody's again at once
        claimable = f"SELECT id, started_at {_CLAIMABLE} ORDER BY created_at LIMIT 1"
        row = db.execute(claimable, (runner.id, to_json(list(but)))).fetchone()
        return _take(db, row["id"], runner, now=now, resumed=row["started_at"] is not None) if row else None

    return database.write(unit)


def _take(db: sqlite3.Connection, job_id: str, runner: RunnerIdentity, *, now: float, resumed: bool) -> Claim:
    taken = db.execute(
        "UPDATE jobs SET status = 'running', owner = ?, owner_epoch = owner_epoch + 1,"
        " paused_s = paused_s + max(0, ? - coalesce(left_at, ?)), left_at = NULL,"
        " started_at = coalesce(started_at, ?), updated_at = ? WHERE id = ?"
        " RETURNING owner_epoch, request_id",
        (runner.id, now, now, now, now, job_id),
    ).fetchone()
    epoch = taken["owner_epoch"]
    kind = "resumed" if resumed else "started"
    append_event(db, job_id, key=f"{kind}/{epoch}", kind=kind, now=now, data=_about(db, job_id, resumed=resumed))
    return Claim(job_id=job_id, epoch=epoch, resumed=resumed, request_id=taken["request_id"])


def _about(db: sqlite3.Connection, job_id: str, *, resumed: bool) -> str:
    if resumed:
        unknown = db.execute("SELECT count(*) FROM calls WHERE job_id = ? AND status = 'started'", (job_id,)).fetchone()
        done = db.execute("SELECT iteration FROM jobs WHERE id = ?", (job_id,)).fetchone()
        return to_json({"iteration": done[0], "calls_of_unknown_outcome": unknown[0]})
    row = _chosen(db, job_id)
    return to_json(
        {"target_model_id": row[0], "iterations": row[1], "judge_model_id": row[2], "simulated": bool(row[3])}
    )


def _chosen(db: sqlite3.Connection, job_id: str) -> Sequence[str | int | None]:
    """Return what the job's user chose; nothing of it if it is damaged, for its run is to find that and fail."""
    try:
        row: Sequence[str | int | None] = db.execute(
            "SELECT spec ->> '$.target_model_id', spec ->> '$.iterations', judge_model_id, simulated"
            " FROM jobs WHERE id = ?",
            (job_id,),
        ).fetchone()
    except sqlite3.DatabaseError as error:
        if is_of_the_file(error):
            raise
        return None, None, None, None
    return row


def anything_to_claim(database: Database, runner: RunnerIdentity, *, but: Collection[str] = ()) -> bool:
    """Say, without writing, whether a claim would find a job."""
    return database.row(f"SELECT 1 {_CLAIMABLE} LIMIT 1", (runner.id, to_json(list(but)))) is not None


def lost_jobs(database: Database, held: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Return those of the held jobs (id, epoch) that are no longer running under their epoch."""
    lost = set()
    for job_id, epoch in held:
        row = database.row("SELECT status, owner_epoch FROM jobs WHERE id = ?", (job_id,))
        if row is None or row["status"] != "running" or row["owner_epoch"] != epoch:
            lost.add((job_id, epoch))
    return lost


def list_runners(database: Database) -> list[RunnerIdentity]:
    """Return every runner that is entered."""
    rows = database.rows("SELECT id, pid, pid_started_at, boot_id FROM runners ORDER BY id")
    return [
        RunnerIdentity(id=row["id"], pid=row["pid"], pid_started_at=row["pid_started_at"], boot_id=row["boot_id"])
        for row in rows
    ]


def runner_alive(database: Database, *, boot_id: str, monotonic: float, lease_s: float) -> bool:
    """Say whether any runner that is not draining has been heard of within the lease."""
    found = database.row(
        "SELECT 1 FROM runners WHERE boot_id = ? AND heartbeat_at >= ? AND draining = 0 LIMIT 1",
        (boot_id, monotonic - lease_s),
    )
    return found is not None


def boot_id() -> str:
    """Return what tells this boot of the machine from every other."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
