"""The account of a stage: what its job came to, which must be the same whatever happened on the way."""

import json
from collections.abc import Mapping
from itertools import pairwise

from gepa_next.models import StoredEvent
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_lessons
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls

Account = Mapping[str, object]

ABOUT_TIME = {"elapsed_s", "eta_s", "artifacts"}
ABOUT_REFUSALS = {"calls"}  # a refused call is asked again after a crash: it costs nothing, but counts
ABOUT_LOSSES = {"cost_usd"}  # is unknown once the outcome of a call is lost; what each call cost is in the ledger
ABOUT_CRASHES = {"started", "resumed"}


def job_account(database: Database, job_id: str) -> Account:
    """Return what became of the job and all that belongs to it, without times and without traces of crashes."""
    log = list_events(database, job_id, after=0, limit=100_000)
    check_log(log)
    job = get_job(database, job_id)
    return {
        "status": (job.status, job.stop_reason, job.error_code, job.iteration, job.rollouts, job.best_prompt),
        "events": [timeless(event) for event in log if not is_about_crashes(event)],
        "candidates": list(iterate_candidates(database, job_id)),
        "rollouts": list(iterate_rollouts(database, job_id)),
        "lessons": list_lessons(database, job_id),
        "result": job.result and {name: job.result[name] for name in job.result if name != "artifacts"},
        "calls": [
            (call.key, call.request_sha256, call.status, call.text, call.input_tokens, call.output_tokens,
             call.cost_usd) for call in iterate_calls(database, job_id)
        ],
    }  # fmt: skip


def check_log(log: list[StoredEvent]) -> None:
    """Check that ids have no gap, and that the job ended, once each time that it ran."""
    assert [event.id for event in log] == list(range(1, len(log) + 1)), "ids with a gap"
    assert log[-1].terminal, "no end"
    after_ends = [after.type for before, after in pairwise(log) if before.terminal]
    assert set(after_ends) <= {"resumed"}, f"an end that was none: {after_ends}"


def is_about_crashes(event: StoredEvent) -> bool:
    return event.type in ABOUT_CRASHES or is_waiting(event)


def is_waiting(event: StoredEvent) -> bool:
    return json.loads(event.data).get("stage") == "waiting"


def timeless(event: StoredEvent) -> str:
    kept = json.loads(event.data, object_hook=without_times)
    return f"{event.type} {json.dumps(kept, sort_keys=True)}"


def without_times(values: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if name not in ABOUT_TIME | ABOUT_REFUSALS | ABOUT_LOSSES}
