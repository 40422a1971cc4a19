"""The ledger: every model call written twice, intent before and outcome after."""

import json
import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from gepa_next.errors import Interrupted
from gepa_next.gepa.types import Role
from gepa_next.models import LedgerCall
from gepa_next.store.codec import to_json
from gepa_next.store.counters import count, count_call
from gepa_next.store.database import Database, Row
from gepa_next.store.pending import Pending
from gepa_next.store.runs import refuse_strangers
from gepa_next.store.sqlite_errors import is_of_the_file

_COLUMNS = """
    key, request_sha256, question, role, model_id, status, attempts, lost, text, finish_reason, flags, error_code,
    error_message, sends, input_tokens, output_tokens, cost_usd, doubtful, is_free, latency_s
"""

# The fence is in the statement: nothing is inserted for a job that does not run under this epoch.
_INTEND = """
    INSERT INTO calls (job_id, key, request_sha256, question, role, model_id, is_free, status, attempts, started_at)
    SELECT id, ?, ?, ?, ?, ?, ?, 'started', 1, ? FROM jobs WHERE id = ? AND owner_epoch = ? AND status = 'running'
    ON CONFLICT DO NOTHING
"""

PAGE = 500
OUTCOMES = frozenset({"done", "cached", "failed"})  # a refused call, and one of unknown outcome, are asked again


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who writes to the ledger: a job and the epoch of its owner."""

    job_id: str
    epoch: int


def begin_call(database: Database, holder: Holder, call: LedgerCall, *, now: float) -> LedgerCall | None:
    """Write the intent, unless the call has an outcome or its question an answer; return the call as it stood before.

    None if it is new. What is returned has its outcome, or the status `started` and what refused attempts consumed.
    Interrupted if the job is not this owner's any more: then nothing may be sent.
    """

    def unit(db: sqlite3.Connection) -> LedgerCall | None:
        values = (
            call.key, call.request_sha256, call.question, call.role, call.model_id, call.is_free, now,
            holder.job_id, holder.epoch,
        )  # fmt: skip
        is_new = db.execute(_INTEND, values).rowcount
        begun = None if is_new else _begin_again(db, holder, call, now=now)
        wanted = call.question is not None and (begun is None or begun.status == "started")
        return (_answered_before(db, holder.job_id, call) if wanted else None) or begun

    return database.write(unit)


def _begin_again(db: sqlite3.Connection, holder: Holder, call: LedgerCall, *, now: float) -> LedgerCall:
    refuse_strangers(db, holder.job_id, epoch=holder.epoch)
    place = (holder.job_id, call.key, call.request_sha256)
    row = db.execute(
        f"SELECT {_COLUMNS} FROM calls WHERE job_id = ? AND key = ? AND request_sha256 = ?",  # noqa: S608 - constant
        place,
    ).fetchone()
    if row["status"] in OUTCOMES:
        return _call(row)
    lost = row["status"] == "started"
    db.execute(
        "UPDATE calls SET status = 'started', question = ?, attempts = attempts + 1, started_at = ?, lost = lost + ?"
        " WHERE job_id = ? AND key = ? AND request_sha256 = ?",
        (call.question, now, lost, *place),
    )
    if lost:
        # It was sent, as far as anybody knows: a request that counts, whatever it cost.
        sent = replace(call, sends=1, cost_usd=0.0, doubtful=int(not call.is_free), error_code="outcome_unknown")
        _add_usage(db, holder.job_id, sent)
    return replace(_call(row), status="started", lost=row["lost"] + lost)


def _answered_before(db: sqlite3.Connection, job_id: str, call: LedgerCall) -> LedgerCall | None:
    """Settle the call by the answer to its question, if another call got one; it costs nothing."""
    answer = _find_answer(db, call.question)
    if answer is None:
        return None
    row = db.execute(
        "UPDATE calls SET status = 'cached', text = ?, finish_reason = ?, flags = ?, latency_s = 0,"  # noqa: S608 - constant
        " error_code = NULL, error_message = NULL"
        f" WHERE job_id = ? AND key = ? AND request_sha256 = ? RETURNING {_COLUMNS}",
        (*answer, job_id, call.key, call.request_sha256),
    ).fetchone()
    count(db, "llm_calls", role=call.role, outcome="cached")
    return _call(row)


def _find_answer(db: sqlite3.Connection, question: str | None) -> Row | None:
    """Return the answer to the question; None, so that it is asked again, if there is none that can be read."""
    try:
        answer: Row | None = db.execute(
            "SELECT text, finish_reason, flags FROM calls WHERE question = ? AND status = 'done' LIMIT 1", (question,)
        ).fetchone()
        if answer is not None:
            json.loads(answer["flags"])
    except (sqlite3.DatabaseError, ValueError) as error:
        if is_of_the_file(error):
            raise
        return None
    return answer


def end_call(database: Database, holder: Holder, call: LedgerCall) -> Pending[None]:
    """Queue the outcome, to be written whatever became of the job meanwhile, as long as nobody took it over.

    It is kept until it is written, and what is queued after it, the intent of another call or a step, is not
    committed without it. A `refused` call keeps what it consumed but is asked again once the provider is mended.
    With its question gone, the answer serves no other call.
    """

    def unit(db: sqlite3.Connection) -> None:
        written = db.execute(
            "UPDATE calls SET status = ?, question = ?, text = ?, finish_reason = ?, flags = ?, error_code = ?,"
            " error_message = ?,"
            " cost_usd = cost_usd + ?, doubtful = doubtful + ?, sends = sends + ?,"  # NULL + x stays NULL
            " input_tokens = input_tokens + ?, output_tokens = output_tokens + ?, latency_s = ?"
            " WHERE job_id = ? AND key = ? AND request_sha256 = ? AND status = 'started'"
            " AND EXISTS (SELECT 1 FROM jobs WHERE id = ? AND owner_epoch = ?)",
            (call.status, call.question, call.text, call.finish_reason, flags, call.error_code, call.error_message,
             call.cost_usd, call.doubtful, call.sends, call.input_tokens, call.output_tokens, call.latency_s,
             holder.job_id, call.key, call.request_sha256, holder.job_id, holder.epoch),
        ).rowcount  # fmt: skip
        if written:
            _add_usage(db, holder.job_id, call)
        elif not _owns(db, holder):
            raise Interrupted("lease_lost", "the job is not this runner's any more")

    flags = to_json(call.flags)
    return database.submit(unit, keep=True)


def _owns(db: sqlite3.Connection, holder: Holder) -> bool:
    owned = "SELECT 1 FROM jobs WHERE id = ? AND owner_epoch = ?"
    return db.execute(owned, (holder.job_id, holder.epoch)).fetchone() is not None


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


def list_outcomes(database: Database, job_id: str, key: str) -> list[LedgerCall]:
    """Return what came of the calls at one place of the run, the last to be asked first."""
    rows = database.rows(
        f"SELECT {_COLUMNS} FROM calls WHERE job_id = ? AND key = ? AND status IN ('done', 'cached', 'failed')"  # noqa: S608 - constant
        " ORDER BY started_at DESC",
        (job_id, key),
    )
    return [_call(row) for row in rows]


def decisions_of(database: Database, job_id: str) -> dict[str, str | None]:
    """Return the answers that were stored, by their points of the run."""
    rows = database.rows("SELECT point, answer FROM decisions WHERE job_id = ?", (job_id,))
    return {row["point"]: row["answer"] for row in rows}


def has_answered(database: Database, job_id: str, *, model_id: str, roles: Iterable[Role]) -> bool:
    """Say whether the model has answered a call of the job in one of the roles; the cache does not speak for it."""
    row = database.row(
        "SELECT 1 FROM calls WHERE job_id = ? AND model_id = ? AND status = 'done'"
        " AND role IN (SELECT value FROM json_each(?)) LIMIT 1",
        (job_id, model_id, to_json(sorted(roles))),
    )
    return row is not None


def still_held(database: Database, holder: Holder) -> bool:
    """Say whether the job runs and is this owner's."""
    row = database.row("SELECT status, owner_epoch FROM jobs WHERE id = ?", (holder.job_id,))
    return row is not None and row["status"] == "running" and row["owner_epoch"] == holder.epoch


def decide_once(database: Database, holder: Holder, point: str, answer: str | None) -> str | None:
    """Return the answer stored for a point of the run; if there is none, this one, which is queued to be stored.

    Nothing queued after it is committed without it, so that whatever follows from the answer finds it in a replay.
    """
    found = database.row("SELECT answer FROM decisions WHERE job_id = ? AND point = ?", (holder.job_id, point))
    if found is not None:
        return str(found["answer"]) if found["answer"] is not None else None

    def unit(db: sqlite3.Connection) -> None:
        refuse_strangers(db, holder.job_id, epoch=holder.epoch)
        db.execute(
            "INSERT INTO decisions (job_id, point, answer) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (holder.job_id, point, answer),
        )

    database.submit(unit, keep=True)
    return answer


def _add_usage(db: sqlite3.Connection, job_id: str, call: LedgerCall) -> None:
    unpriced = call.doubtful + (call.cost_usd is None)
    db.execute(
        "INSERT INTO usage (job_id, role, calls, input_tokens, output_tokens, cost_usd, unpriced)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT DO UPDATE SET calls = calls + excluded.calls,"
        " input_tokens = input_tokens + excluded.input_tokens,"
        " output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd,"
        " unpriced = unpriced + excluded.unpriced",
        (job_id, call.role, call.sends, call.input_tokens, call.output_tokens, call.cost_usd or 0.0, unpriced),
    )
    count_call(db, call)


def _call(row: Row) -> LedgerCall:
    return LedgerCall(
        key=row["key"],
        role=Role(row["role"]),
        model_id=row["model_id"],
        request_sha256=row["request_sha256"],
        question=row["question"],
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
        doubtful=row["doubtful"],
        is_free=bool(row["is_free"]),
        latency_s=row["latency_s"],
    )
