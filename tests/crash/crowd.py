"""A course on which several ask at once, so that one commit serves many: what was answered must survive a kill."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus

import requests

from gepa_next.models import JobStatus
from tests.crash.account import Account
from tests.crash.books import job_ids
from tests.crash.courses import Faults, body, run
from tests.crash.models import TIMEOUT_S
from tests.crash.stage import Stage

CROWD = 5
ARRIVE_S = 0.3  # so long all that ask are kept waiting; who comes later has a commit of its own

Request = tuple[str, str, str]  # method, path, idempotency key
Answers = list[requests.Response | None]  # None if the server died instead


def crowded(stage: Stage, faults: Faults) -> Account:
    """Have some post a job each at once and cancel all but one at once, and run the one that is left."""
    posting, cancelling = (*faults.servers, "", "")[:2]
    posts = [("POST", "/v1/optimize", f"job-{n}") for n in range(CROWD)]
    promised = [each.json()["job_id"] for each in told(HTTPStatus.CREATED, ask_at_once(stage, posts, posting))]
    assert set(promised) <= set(job_ids(stage.database)), "a job was promised and is not there"
    jobs = [each.json()["job_id"] for each in ask_at_once(stage, posts) if each]
    assert sorted(jobs) == job_ids(stage.database)
    stage.job_id, *others = jobs
    deletions = [("DELETE", f"/v1/optimize/{job_id}", "") for job_id in others]
    for answer in told(HTTPStatus.OK, ask_at_once(stage, deletions, cancelling)):
        assert stage.job(answer.json()["job_id"]).status is JobStatus.CANCELLED, "a cancellation was promised"
    ask_at_once(stage, deletions)
    return run(stage, faults.runners, sure=faults.sure)


def ask_at_once(stage: Stage, asked: Sequence[Request], fault: str = "") -> Answers:
    """Ask a server that is started for it while it cannot write, have it write, and kill it unless the fault does."""
    web = stage.start("web", fault=fault)
    stage.request("GET", "/v1/healthz")
    with ThreadPoolExecutor(len(asked)) as pool:
        with stage.database._writer._gate(until=time.monotonic() + TIMEOUT_S):
            answers = [pool.submit(answer_or_none, stage, each) for each in asked]
            time.sleep(ARRIVE_S)
        found = [each.result() for each in answers]
    assert bool(fault) is (None in found), f"{fault} did not strike"
    stage.kill(web)
    return found


def answer_or_none(stage: Stage, asked: Request) -> requests.Response | None:
    method, path, key = asked
    sent = {"json": body(), "headers": {"Idempotency-Key": key}} if key else {}
    try:
        return stage.request(method, path, **sent)
    except requests.ConnectionError:
        return None


def told(status: HTTPStatus, answers: Answers) -> list[requests.Response]:
    """Return the answers there were, each of which said so."""
    found = [answer for answer in answers if answer is not None]
    assert {answer.status_code for answer in found} <= {status}, found
    return found
