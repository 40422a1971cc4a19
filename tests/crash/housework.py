"""Courses beside jobs: the bank, pinned prompts, a log-out, a start, a new file, old jobs that are pruned, checks."""

import signal
import time
from collections.abc import Sequence
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

from gepa_next.api.edge.identity import COOKIE, NOBODY
from gepa_next.gepa.drift import anchors_fingerprint
from gepa_next.store.database import Database
from gepa_next.store.housekeeping import PARTS, check_file
from gepa_next.store.jobs import find_job
from gepa_next.store.judge_checks import find_baseline, find_last_check
from gepa_next.store.measured import list_shown
from gepa_next.store.migrate import schema_version
from gepa_next.store.pins import list_activations, list_versions
from gepa_next.store.requests import cancel_job
from tests.crash.account import Account
from tests.crash.books import counters_of_jobs
from tests.crash.courses import Course, Faults, run
from tests.crash.models import TIMEOUT_S
from tests.crash.stage import Stage, has_open, is_stopped
from tests.store.jobs_on_file import EXAMPLES

PRUNE = ("prune", "--older-than", "0")
CHECK = ("judge", "check")
NAME = "/v1/prompts/orders"
OLD = ("old-1", "old-2")


def banked(stage: Stage, faults: Faults) -> Account:
    """Write examples into the bank and delete one of them."""
    examples = [{"id": each.id, "input": each.input, "ideal": each.ideal} for each in EXAMPLES]
    stage.ask("POST", "/v1/examples", faults=faults.servers, json=examples)
    stage.ask("DELETE", "/v1/examples/e0", faults=faults.later)
    items = stage.ask("GET", "/v1/examples")[0].json()["items"]
    return {"bank": [(item["id"], item["input"], item["ideal"]) for item in items]}


def pinned(stage: Stage, faults: Faults) -> Account:
    """Pin two candidates of a job under one name, and go back to the first."""
    pin(stage, 0, faults=faults.servers)
    pin(stage, 1)
    stage.ask("POST", f"{NAME}/rollback", faults=faults.later, json={"version": 1})
    return pins(stage)


def unpinned(stage: Stage, faults: Faults) -> Account:
    """Delete what is pinned under a name; whoever asks again is told that there is nothing."""
    pin(stage, 0)
    *_, again = stage.ask("DELETE", NAME, faults=faults.servers)
    assert again.status_code == HTTPStatus.NOT_FOUND, again.text
    return pins(stage)


def pin(stage: Stage, candidate_id: int, *, faults: Sequence[str] = ()) -> None:
    """Pin a candidate of a job that was run for it."""
    if find_job(stage.database, stage.job_id) is None:
        stage.add_job(iterations=1)
        run(stage, ())
        stage.kill_all()
    body = {"job_id": stage.job_id, "candidate_id": candidate_id}
    *_, again = stage.ask("PUT", NAME, faults=faults, json=body)
    assert again.status_code == HTTPStatus.OK, again.text


def pins(stage: Stage) -> Account:
    """Return the versions there are and the order in which they were active."""
    versions = list_versions(stage.database, NOBODY, "orders", limit=99, before=None)
    activations = list_activations(stage.database, NOBODY, "orders", limit=99, before=None)
    return {
        "versions": [(each.number, each.candidate_id, each.text, each.previous) for each in versions],
        "activations": [(each.id, each.number, each.until is None) for each in activations],
        "file": check_file(stage.database),
    }


def logged_out(stage: Stage, faults: Faults) -> Account:
    """End the session of a page; a copy of its cookie opens nothing any more."""
    stage.variables |= {"REQUIRE_AUTH": "true", "API_BEARER_TOKENS": "a-token"}
    from_page = {"headers": {"Sec-Fetch-Site": "same-origin"}, "allow_redirects": False}
    entered, _ = stage.ask("POST", "/login", data={"token": "a-token"}, **from_page)
    cookies = {COOKIE: entered.cookies[COOKIE]}
    assert stage.ask("GET", "/v1/optimize", cookies=cookies)[0].status_code == HTTPStatus.OK
    stage.ask("POST", "/logout", faults=faults.servers, cookies=cookies, **from_page)
    return {
        "afterwards": stage.ask("GET", "/v1/optimize", cookies=cookies)[0].status_code,
        "ended": count_rows(stage.database, "ended_sessions"),
        "file": check_file(stage.database),
    }


def started(stage: Stage, faults: Faults) -> Account:
    """Start a server, which tries at once whether it can write."""
    for fault in faults.servers:
        stage.die_of(fault, "web")
    return {"ready": stage.ask("GET", "/v1/readyz")[0].status_code == HTTPStatus.OK}


def migrated(stage: Stage, faults: Faults) -> Account:
    """Begin with a file that does not exist yet."""
    path = new_file(stage)
    for fault in faults.runners:
        stage.die_of(fault)
    with closing(Database(path)) as found:
        return schema(found)


def migrated_by_two(stage: Stage, faults: Faults) -> Account:
    """Stop a worker while it makes a new file, and have another find it new as well before the first goes on."""
    path = new_file(stage)
    for fault in faults.runners:
        first = stage.start_worker(fault=fault)
        stage.wait_for(lambda first=first: is_stopped(first))
        second = stage.start_worker()
        stage.wait_for(lambda second=second: has_open(second, path.with_name(f"{path.name}.lock")))
        first.send_signal(signal.SIGCONT)
    with closing(Database(path, gate_timeout_s=TIMEOUT_S)) as found:
        stage.wait_for(lambda: count_rows(found, "runners") == len(stage.processes))
        return schema(found)


def new_file(stage: Stage) -> Path:
    path = stage.folder / "new.sqlite3"
    stage.variables["DATABASE_PATH"] = str(path)
    return path


def schema(database: Database) -> Account:
    tables = database.rows("SELECT name, sql FROM sqlite_schema ORDER BY name")
    assert database.rows("PRAGMA user_version")[0][0] == schema_version()
    return {"schema": [tuple(row) for row in tables], "file": check_file(database)}


def pruned(stage: Stage, faults: Faults) -> Account:
    """Delete the jobs that have ended, of which there are two, and leave the third."""
    for job_id in (*OLD, "young"):
        stage.add_job(job_id)
    for job_id in OLD:
        cancel_job(stage.database, job_id, token_id=NOBODY, now=time.time())
    for fault in faults.runners:
        stage.die_of(fault, *PRUNE)
    stage.perform(*PRUNE)
    return {
        "rows": {table: count_rows(stage.database, table) for table in ("jobs", *PARTS)},
        "counters": counters_of_jobs(stage.database),
        "file": check_file(stage.database),
    }


def judged(stage: Stage, faults: Faults) -> Account:
    """Check the judge by command; the first check that is stored is the baseline, whatever happened to others."""
    for fault in faults.runners:
        stage.die_of(fault, *CHECK)
    stage.perform(*CHECK)
    fingerprint = anchors_fingerprint("crash/judge")
    last = find_last_check(stage.database, fingerprint)
    assert last is not None
    return {
        "baseline": find_baseline(stage.database, fingerprint) == last.scores,
        "moved since": last.moved_since,
        "file": check_file(stage.database),
    }


def watched(stage: Stage, faults: Faults) -> Account:
    """Have runners check the judge at their start, one after the other; a check that was made is not made again."""
    stage.variables["JUDGE_CHECK_INTERVAL_S"] = "3600"
    for fault in faults.runners:
        stage.die_of(fault)
    fingerprint = anchors_fingerprint("crash/judge")
    stage.start_worker()
    stage.wait_for(lambda: find_last_check(stage.database, fingerprint))
    return {
        "checks": count_rows(stage.database, "judge_checks"),
        "baseline": find_baseline(stage.database, fingerprint),
        "at it": [row["owner"] for row in stage.database.rows("SELECT owner FROM judge_turns")],
        "file": check_file(stage.database),
    }


def measured(stage: Stage, faults: Faults) -> Account:
    """Have runners measure themselves, one after the other; what the dead ones showed is forgotten."""
    for fault in faults.runners:
        stage.die_of(fault)
    worker = stage.start_worker()
    stage.wait_for(lambda: {each.process.pid for each in list_shown(stage.database)} == {worker.pid})
    return {"file": check_file(stage.database)}


def count_rows(database: Database, table: str) -> int:
    return int(database.rows(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - our own tables


COURSES = (banked, pinned, unpinned, logged_out, started, migrated, migrated_by_two, pruned, judged, watched, measured)
HOUSEWORK: dict[str, Course] = {each.__name__: each for each in COURSES}
