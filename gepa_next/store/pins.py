"""Pinned prompts: the versions under a name, and which of them was active when; each token has its own."""

import json
import sqlite3
from dataclasses import dataclass, replace

from gepa_next.errors import ConflictError, InvalidError, NotFoundError
from gepa_next.models import Judge, PinnedVersion
from gepa_next.store.codec import noise_from_json, noise_to_json, spec_from_json, spec_to_json, to_json
from gepa_next.store.database import Database, Row
from gepa_next.store.quotas import NO_QUOTA, Quota, within_quota

MOST_ACTIVATIONS = 1000  # of one name; earlier ones are forgotten, for going to and fro costs nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """A time during which one version of a pinned prompt was the active one; `until` is None if it still is."""

    id: int
    number: int
    since: float
    until: float | None


_VERSIONS = """
    SELECT v.name, v.number, v.text, v.prompts, v.job_id, v.job_created_at, v.candidate_id, v.score, v.scored_on,
    v.verdict, v.spec, v.judge_model_id, v.judge_fingerprint, v.judge_noise, v.simulated, v.created_at, v.previous,
    a.id AS activation, a.since
    FROM pin_versions AS v LEFT JOIN pin_activations AS a
    ON a.token_id = v.token_id AND a.name = v.name AND a.number = v.number AND a.until IS NULL
    WHERE v.token_id = ?
"""
_ACTIVE = f"{_VERSIONS} AND a.id IS NOT NULL"


def pin_version(
    database: Database, token_id: str, new: PinnedVersion, *, seen: int | None, quota: Quota = NO_QUOTA
) -> bool:
    """Make the version the next one of its name and the active one; False if the active one is the same already.

    It is the same if it comes from the same candidate of the same job. Only the store numbers versions. Where another
    activation than the one `seen` is the latest, ConflictError; None has seen none and asks for none. QuotaError if it
    would be more than the owner may have.
    """
    spec = spec_to_json(new.spec)

    def unit(db: sqlite3.Connection) -> bool:
        active = _active(db, token_id, new.name, seen)
        if active is not None and (active["job_id"], active["candidate_id"]) == (new.job_id, new.candidate_id):
            return False
        number = _last_number(db, token_id, new.name) + 1
        previous = None if active is None else active["number"]
        with within_quota(db, token_id, quota):
            _insert_version(db, token_id, replace(new, number=number, previous=previous), spec=spec)
            _activate(db, token_id, new.name, number, now=new.created_at)
        return True

    return database.write(unit)


def activate_version(
    database: Database, token_id: str, name: str, number: int, *, seen: int | None, now: float
) -> None:  # fmt: skip
    """Make the version the active one; nothing if it is.

    NotFoundError if nothing is pinned under the name, InvalidError if it has no such version, ConflictError as in
    `pin_version`.
    """

    def unit(db: sqlite3.Connection) -> None:
        active = _active(db, token_id, name, seen)
        if active is None:
            raise _nothing_pinned()
        if not 1 <= number <= _last_number(db, token_id, name):
            raise InvalidError("the request is not valid", [("version", "there is no such version")])
        if active["number"] != number:
            _activate(db, token_id, name, number, now=now)

    database.write(unit)


def delete_versions(database: Database, token_id: str, name: str, *, seen: int | None) -> None:
    """Delete all versions of the name, and when they were active; NotFoundError if there are none."""

    def unit(db: sqlite3.Connection) -> None:
        if _active(db, token_id, name, seen) is None:
            raise _nothing_pinned()
        db.execute("DELETE FROM pin_versions WHERE token_id = ? AND name = ?", (token_id, name))

    database.write(unit)


def find_active_version(database: Database, token_id: str, name: str) -> PinnedVersion | None:
    """Return the version that is active under the name, None if nothing is pinned under it."""
    row = database.row(f"{_ACTIVE} AND v.name = ?", (token_id, name))
    return _version(row) if row is not None else None


def get_active_version(database: Database, token_id: str, name: str) -> PinnedVersion:
    """Return the version that is active under the name; NotFoundError if nothing is pinned under it."""
    if (found := find_active_version(database, token_id, name)) is None:
        raise _nothing_pinned()
    return found


def get_version(database: Database, token_id: str, name: str, number: int) -> PinnedVersion:
    """Return one version; NotFoundError if there is none of that name and number."""
    row = database.row(f"{_VERSIONS} AND v.name = ? AND v.number = ?", (token_id, name, number))
    if row is None:
        raise NotFoundError("there is no such version")
    return _version(row)


def list_active_versions(database: Database, token_id: str, *, limit: int, after: str | None) -> list[PinnedVersion]:
    """Return the active versions by name, of the names after the given one."""
    rows = database.rows(f"{_ACTIVE} AND v.name > ? ORDER BY v.name LIMIT ?", (token_id, after or "", limit))
    return [_version(row) for row in rows]


def list_versions(
    database: Database, token_id: str, name: str, *, limit: int, before: int | None
) -> list[PinnedVersion]:  # fmt: skip
    """Return the versions of the name, newest first, those with numbers below the given one."""
    rows = database.rows(
        f"{_VERSIONS} AND v.name = ? AND (? IS NULL OR v.number < ?) ORDER BY v.number DESC LIMIT ?",
        (token_id, name, before, before, limit),
    )
    return [_version(row) for row in rows]


def list_versions_of_job(database: Database, token_id: str, job_id: str) -> list[PinnedVersion]:
    """Return the versions that were pinned from the job, by name and number."""
    rows = database.rows(f"{_VERSIONS} AND v.job_id = ? ORDER BY v.name, v.number", (token_id, job_id))
    return [_version(row) for row in rows]


def list_activations(
    database: Database, token_id: str, name: str, *, limit: int, before: int | None
) -> list[Activation]:  # fmt: skip
    """Return which version was active when, latest first, those with ids below the given one."""
    rows = database.rows(
        "SELECT id, number, since, until FROM pin_activations WHERE token_id = ? AND name = ?"
        " AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT ?",
        (token_id, name, before, before, limit),
    )
    return [Activation(id=row["id"], number=row["number"], since=row["since"], until=row["until"]) for row in rows]


def _active(db: sqlite3.Connection, token_id: str, name: str, seen: int | None) -> Row | None:
    row: Row | None = db.execute(f"{_ACTIVE} AND v.name = ?", (token_id, name)).fetchone()
    if seen is not None and (row is None or row["activation"] != seen):
        raise ConflictError("precondition_failed", "another version was made active meanwhile; read it again")
    return row


def _last_number(db: sqlite3.Connection, token_id: str, name: str) -> int:
    found = db.execute(
        "SELECT coalesce(max(number), 0) FROM pin_versions WHERE token_id = ? AND name = ?", (token_id, name)
    ).fetchone()
    return int(found[0])


def _insert_version(db: sqlite3.Connection, token_id: str, new: PinnedVersion, *, spec: str) -> None:
    db.execute(
        "INSERT INTO pin_versions (token_id, name, number, text, prompts, job_id, job_created_at, candidate_id, score,"
        " scored_on, verdict, spec, judge_model_id, judge_fingerprint, judge_noise, simulated, created_at, previous)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (token_id, new.name, new.number, new.text, to_json(new.prompts), new.job_id, new.job_created_at,
         new.candidate_id, new.score, new.scored_on, new.verdict, spec, new.judge.model_id, new.judge.fingerprint,
         noise_to_json(new.judge.noise) if new.judge.noise else None, new.simulated, new.created_at, new.previous),
    )  # fmt: skip


def _activate(db: sqlite3.Connection, token_id: str, name: str, number: int, *, now: float) -> None:
    db.execute(
        "UPDATE pin_activations SET until = ? WHERE token_id = ? AND name = ? AND until IS NULL", (now, token_id, name)
    )
    db.execute(
        "INSERT INTO pin_activations (token_id, name, id, number, since) SELECT ?, ?, coalesce(max(id), 0) + 1, ?, ?"
        " FROM pin_activations WHERE token_id = ? AND name = ?",
        (token_id, name, number, now, token_id, name),
    )
    db.execute(
        "DELETE FROM pin_activations WHERE token_id = ?1 AND name = ?2 AND id <="
        " (SELECT max(id) FROM pin_activations WHERE token_id = ?1 AND name = ?2) - ?3",
        (token_id, name, MOST_ACTIVATIONS),
    )


def _nothing_pinned() -> NotFoundError:
    return NotFoundError("nothing is pinned under that name")


def _version(row: Row) -> PinnedVersion:
    return PinnedVersion(
        name=row["name"],
        number=row["number"],
        text=row["text"],
        prompts=json.loads(row["prompts"]),
        job_id=row["job_id"],
        job_created_at=row["job_created_at"],
        candidate_id=row["candidate_id"],
        score=row["score"],
        scored_on=row["scored_on"],
        verdict=row["verdict"],
        spec=spec_from_json(row["spec"]),
        judge=Judge(
            model_id=row["judge_model_id"],
            fingerprint=row["judge_fingerprint"],
            noise=noise_from_json(row["judge_noise"]) if row["judge_noise"] else None,
        ),
        simulated=bool(row["simulated"]),
        created_at=row["created_at"],
        previous=row["previous"],
        activation=row["activation"],
        active_since=row["since"],
    )
