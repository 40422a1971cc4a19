"""The ledger: every model call written twice, intent before and outcome after."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gepa_next.errors import Interrupted
from gepa_next.gepa.types import CallUsage, Role
from gepa_next.models import LedgerCall
from gepa_next.store.codec import to_json
from gepa_next.store.counters import count
from gepa_next.store.database import Database, Row
from gepa_next.store.runs import refuse_strangers

_COLUMNS = """
    key, request_sha256, role, model_id, status, attempts, lost, text, finish_reason, flags, error_code, error_message,
    sends, input_tokens, output_tokens, cost_usd, latency_s
"""

_CONSUMED = "sends, input_tokens, output_tokens, cost_usd"
_OURS = "job_id = ? AND key = ? AND request_sha256 = ? AND EXISTS (SELECT 1 FROM jobs WHERE id = ? AND owner_epoch = ?)"
_WRITE_OUTCOME = f"""
    UPDATE calls SET status = ?, text = ?, finish_reason = ?, flags = ?, error_code = ?, error_message = ?,
    cost_usd = CASE WHEN sends = 0 THEN ? ELSE cost_usd + ? END, sends = sends + ?,
    input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, latency_s = ?
    WHERE {_OURS} AND status = 'started' RETURNING {_CONSUMED}
"""  # noqa: S608 - constants
_READ_CONSUMED = f"SELECT {_CONSUMED} FROM calls WHERE {_OURS} AND status != 'started'"  # noqa: S608 - constants

PAGE = 500
OUTCOMES = frozenset({"done", "failed"})  # a refused call, and one of unknown outcome, are asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who writes to the ledger: a job and the epoch of its owner."""

    job_id: str
    epoch: int


def begin_call(database: Database, holder: Holder, call: LedgerCall, *, now: float) -> LedgerCall | None:
    """Return the call's outcome if it has one; else write the intent and return None.

    Interrupted if the job is not this owner's any more: then nothing may be sent.
    """

    def unit(db: sqlite3.Connection) -> LedgerCall | None:
        refuse_strangers(db, holder.job_id, epoch=holder.epoch)
        place = (holder.job_id, call.key, call.request_sha256)
        row = db.execute(
            f"SELECT {_COLUMNS} FROM calls WHERE job_id = ? AND key = ? AND request_sha256 = ?",  # noqa: S608 - constant
            place,
        ).fetchone()
        if row is not None and row["status"] in OUTCOMES:
            return _call(row)
        db.execute(
            "INSERT INTO calls (job_id, key, request_sha256, role, model_id, status, attempts, started_at)"
            " VALUES (?, ?, ?, ?, ?, 'started', 1, ?)"
            " ON CONFLICT DO UPDATE SET status = 'started', attempts = attempts + 1, started_at = excluded.started_at,"
            " lost = lost + (status = 'started')",
            (*place, call.role, call.model_id, now),
        )
        if row is not None and row["status"] == "started":
            # It was sent, as far as anybody knows: a request that counts, whatever it cost.
            _add_usage(db, holder.job_id, replace(call, sends=1, cost_usd=0.0, error_code="outcome_unknown"))
        return None

    return database.write(unit)


def end_call(database: Database, holder: Holder, call: LedgerCall) -> CallUsage:
    """Write the outcome, whatever became of the job meanwhile, and return all that the call has consumed by now.

    A `refused` call keeps what it consumed but is asked again once the provider is mended: the usage is that of
    all its attempts, which is what a replay finds. Written once only. Interrupted, and nothing written, if somebody
    took the job over.
    """
    place = (holder.job_id, call.key, call.request_sha256, holder.job_id, holder.epoch)

    def unit(db: sqlite3.Connection) -> CallUsage:
        written = db.execute(
            _WRITE_OUTCOME,
            (call.status, call.text, call.finish_reason, to_json(call.flags), call.error_code, call.error_message,
             call.cost_usd, call.cost_usd, call.sends, call.input_tokens, call.output_tokens, call.latency_s, *place),
        ).fetchone()  # fmt: skip
        if written is not None:
            _add_usage(db, holder.job_id, call)
            return CallUsage(**written)
        before = db.execute(_READ_CONSUMED, place).fetchone()
        if before is None:
            raise Interrupted("lease_lost", "the job is not this runner's any more")
        return CallUsage(**before)

    return database.write(unit)


def iterate_calls(database: Database, job_id: str) -> Iterator[LedgerCall]:
    """Yield the job's ledger by key, reading a page at a time."""
    key, request = "", ""
    while rows := database.rows(
        f"SELECT {_COLUMNS} FROM calls WHERE job_id = ? AND (key, request_sha256) > (?, ?)"  # noqa: S608 - constant
        " ORDER BY key, request_sha256 LIMIT ?",
        (job_id, key, request, PAGE),
    ):
        yield from map(_call, rows)
        key, request = rows[-1]["key"], rows[-1]["request_sha256"]


def still_held(database: Database, holder: Holder) -> bool:
    """Say whether the job runs and is this owner's."""
    row = database.row("SELECT status, owner_epoch FROM jobs WHERE id = ?", (holder.job_id,))
    return row is not None and row["status"] == "running" and row["owner_epoch"] == holder.epoch


def decide_once(database: Database, holder: Holder, point: str, answer: str | None) -> str | None:
    """Store the answer for a point of the run unless there is one; return the one that holds."""

    def unit(db: sqlite3.Connection) -> str | None:
        refuse_strangers(db, holder.job_id, epoch=holder.epoch)
        db.execute(
            "INSERT INTO decisions (job_id, point, answer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (holder.job_id, point, answer),
        )
        row = db.execute("SELECT answer FROM decisions WHERE job_id = ? AND point = ?", (holder.job_id, point))
        found = row.fetchone()["answer"]
        return str(found) if found is not None else None

    return database.write(unit)


def _add_usage(db: sqlite3.Connection, job_id: str, call: LedgerCall) -> None:
    # A sum with an unknown part is unknown: NULL + x stays NULL.
    db.execute(
        "INSERT INTO usage (job_id, role, calls, input_tokens, output_tokens, cost_usd) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls,"
        " input_tokens = input_tokens + excluded.input_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd",
        (job_id, call.role, call.sends, call.input_tokens, call.output_tokens, call.cost_usd),
    )
    count(db, "llm_calls", role=call.role, outcome=call.error_code or "ok")
    count(db, "llm_tokens", call.input_tokens, role=call.role, direction="input")
    count(db, "llm_tokens", call.output_tokens, role=call.role, direction="output")
    count(db, "llm_cost_usd", call.cost_usd or 0.0, role=call.role)


def _call(row: Row) -> LedgerCall:
    return LedgerCall(
        key=row["key"],
        role=Role(row["role"]),
        model_id=row["model_id"],
        request_sha256=row["request_sha256"],
        attempts=row["attempts"],
        lost=row["lost"],
        status=row["status"],
        text=row["text"],
        finish_reason=row["finish_reason"],
        flags=tuple(json.loads(row["flags"])),
        error_code=row["error_code"],
        error_message=row["error_message"],
        sends=row["sends"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        cost_usd=row["cost_usd"],
        latency_s=row["latency_s"],
    )
