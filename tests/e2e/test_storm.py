"""A job through a storm of faults ends as if there had been none."""

import gzip
import json
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from gepa_next.gepa.types import Candidate, Lesson, Role, Rollout
from gepa_next.llm import faults
from gepa_next.llm.failure import Fault
from gepa_next.models import JobStatus
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_lessons, list_usage
from gepa_next.store.ledger import iterate_calls
from tests.e2e.jobs_on_faults import JOB_ID, run_job
from tests.support.faults import Act, FaultServer, Play, answered, failed

SHARE = 0.3
MOST = 100
HEADERS = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
ABOUT_TIME_AND_MONEY = {"elapsed_s", "eta_s", "calls", "cost_usd", "by_role", "artifacts"}


def once_more(fault: Fault, act: Act) -> Act:
    """Return the act as a storm has it: no request meets the fault more often than it is retried."""
    return {**act, "fault": fault.name, "most": MOST if fault.retries is None else fault.retries}


STORM = (
    once_more(faults.RATE_LIMITED, failed(429)),
    once_more(faults.RATE_LIMITED, failed(429, retry_after="7")),
    once_more(faults.RATE_LIMITED, failed(429, retry_after_ms="250")),
    once_more(faults.RATE_LIMITED, failed(429, retry_after="soon")),
    once_more(faults.RATE_LIMITED, failed(503, retry_after="2")),
    once_more(faults.RATE_LIMITED, failed(529)),
    *(once_more(faults.SERVER_ERROR, failed(status)) for status in (408, 409, 500, 502, 503, 504)),
    once_more(faults.SERVER_ERROR, {"status": 502, "body": "<html>Bad Gateway</html>"}),
    once_more(faults.SERVER_ERROR, {"body": json.dumps({"error": {"message": "upstream died"}})}),
    once_more(faults.RESET, {"act": "reset"}),
    once_more(faults.RESET, {"act": "hang_up"}),
    once_more(faults.CUT_SHORT, answered() | {"cut": 9}),
    once_more(faults.CUT_SHORT, {"act": "reset", "raw": HEADERS + "{"}),
    once_more(faults.CUT_SHORT, {"chunked": "zz\r\n{}\r\n0\r\n\r\n"}),
    once_more(
        faults.CUT_SHORT,
        {"headers": {"content-encoding": "gzip"}, "base64": b64encode(gzip.compress(b"{}")[:-9]).decode()},
    ),
    once_more(faults.STALLED, {"act": "stall", "raw": HEADERS + "{"}),
    once_more(faults.DEADLINE, {"act": "stall"}),
    once_more(faults.MALFORMED, {"body": "<html>sign in</html>"}),
    once_more(faults.MALFORMED, {"body": ""}),
    once_more(faults.MALFORMED, {"status": 204, "unframed": True}),
    once_more(faults.MALFORMED, {"act": "raw", "raw": "SSH-2.0-OpenSSH\r\n\r\n"}),
)


@dataclass(frozen=True)
class Account:
    """What a job came to, without times, money and what was noted of the way there."""

    events: tuple[str, ...]
    candidates: tuple[tuple[Candidate, float | None], ...]
    rollouts: tuple[Rollout, ...]
    lessons: tuple[Lesson, ...]
    outcomes: Counter[str]


def account(database: Database) -> Account:
    return Account(
        events=tuple(
            _told(event.type, event.data)
            for event in list_events(database, JOB_ID, after=0, limit=10_000)
            if '"waiting"' not in event.data
        ),
        candidates=tuple(iterate_candidates(database, JOB_ID)),
        rollouts=tuple(_unmarked(each) for each in iterate_rollouts(database, JOB_ID)),
        lessons=tuple(list_lessons(database, JOB_ID)),
        outcomes=Counter(f"{call.role} {call.status}" for call in iterate_calls(database, JOB_ID)),
    )


def _told(kind: str, data: str) -> str:
    kept = {name: value for name, value in json.loads(data).items() if name not in ABOUT_TIME_AND_MONEY}
    return f"{kind} {json.dumps(kept, sort_keys=True)}"


def _unmarked(rollout: Rollout) -> Rollout:
    return replace(rollout, flags=tuple(flag for flag in rollout.flags if flag != "possibly_billed"))


def run_through(folder: Path, play: Play) -> tuple[Account, int]:
    """Return what the job came to on the play's models, and how many requests its usage counts."""
    database = Database(folder / "storm.sqlite3")
    try:
        job = run_job(database, play.base_url, timeout_s=1.0, stall_s=0.2)
        assert job.status is JobStatus.FINISHED, job
        return account(database), sum(usage.calls for usage in list_usage(database, JOB_ID))
    finally:
        database.close()


def test_a_job_through_a_storm_ends_as_in_a_calm(tmp_path: Path, fault_server: FaultServer) -> None:
    (tmp_path / "calm").mkdir()
    calm, calm_sends = run_through(tmp_path / "calm", fault_server.storm(share=0.0, seed=1))
    play = fault_server.storm(*STORM, share=SHARE, seed=1)
    stormy, sends = run_through(tmp_path, play)
    assert stormy == calm
    assert {role for role in Role if stormy.outcomes[f"{role} done"]} == set(Role)
    assert calm_sends == stormy.outcomes.total()
    struck = sends - calm_sends
    assert 0.25 < struck / sends < 0.35
    assert sends == len(play.seen)
