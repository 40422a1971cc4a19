"""Health, readiness and version, in good times and bad."""

import shutil
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from gepa_next.app import begin_shutdown, close_app
from gepa_next.store.leases import LEASE_S, RunnerIdentity, boot_id, register_runner
from gepa_next.version import VERSION
from tests.api.answers import refused
from tests.support.judges import record_checks


def ready(service):
    answer = service.client(token=None).get("/v1/readyz")
    assert answer.json["status"] == ("ready" if answer.status_code == 200 else "not_ready")
    return answer.status_code, answer.json["checks"]


def test_health_is_answered_without_touching_the_disk(open_with, tmp_path) -> None:
    service = open_with()
    service.database.close()
    shutil.rmtree(tmp_path)
    answer = service.client(token=None).get("/v1/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_server_without_a_runner_of_its_own_is_ready(service) -> None:
    assert ready(service) == (
        200,
        {
            "database": "ok",
            "migrations": "ok",
            "runner": "skipped",
            "draining": "ok",
            "disk": "ok",
            "judge": "skipped",
            "tokens": "skipped",
        },
    )


def test_a_server_with_a_runner_is_ready_when_that_lives(open_with) -> None:
    service = open_with(runner="thread")
    deadline = time.monotonic() + 10
    while ready(service)[0] != 200:
        assert time.monotonic() < deadline, ready(service)
    assert ready(service)[1]["runner"] == "ok"


def test_a_server_is_not_ready_before_its_runner_has_started(open_with) -> None:
    status, checks = ready(open_with(runner="process"))
    assert (status, checks["database"]) == (503, "ok")
    assert checks["runner"] == "no runner is there: none has started yet, or each has ended"


def test_a_server_whose_runner_is_silent_is_not_ready(open_with) -> None:
    service = open_with(runner="process")
    silent = RunnerIdentity(id="silent", pid=1, pid_started_at=1, boot_id=boot_id())
    register_runner(service.database, silent, now=1.0, monotonic=time.monotonic() - 2 * LEASE_S)
    status, checks = ready(service)
    assert (status, checks["runner"]) == (503, "no runner has been able to use the database lately")


@pytest.mark.parametrize(
    ("harm", "check", "said"),
    [
        ("DROP TABLE counters", "database", "counters"),
        ("PRAGMA user_version = 9999", "migrations", "9999"),
        ("DROP TABLE runners", "runner", "runners"),
    ],
)
def test_each_check_says_what_is_wrong(open_with, harm, check, said) -> None:
    service = open_with(runner="process")
    service.database.write(lambda db: db.execute(harm))
    status, checks = ready(service)
    assert status == 503
    assert said in checks[check]
    assert checks["disk"] == "ok"


def test_a_judge_that_moved_is_told_and_the_server_ready(service) -> None:
    record_checks(service.database, service.settings, shift=-0.1)
    status, checks = ready(service)
    assert (status, checks["judge"]) == (200, "warning: it has moved by -0.100, seen since 1970-01-01T00:00:02+00:00")


def test_a_judge_that_did_not_move_is_ok(service) -> None:
    record_checks(service.database, service.settings, shift=0.0)
    assert ready(service)[1]["judge"] == "ok"


def test_a_full_disk_is_not_ready(open_with) -> None:
    status, checks = ready(open_with(min_free_disk_mb=2**60))
    assert status == 503
    assert checks["disk"].endswith("bytes free")


def test_a_lost_folder_is_not_ready(service, tmp_path) -> None:
    shutil.rmtree(tmp_path)
    assert ready(service)[0] == 503


def test_a_server_that_shuts_down_says_so(service) -> None:
    begin_shutdown(service.app, settings=service.settings, notice_s=0)
    status, checks = ready(service)
    assert (status, checks["draining"]) == (503, "shutting_down")


def test_a_server_that_goes_does_not_wait_for_a_request_that_waits_for_the_database(service) -> None:
    with closing(sqlite3.connect(service.database.path, isolation_level=None)) as shell, ThreadPoolExecutor(1) as pool:
        shell.execute("BEGIN IMMEDIATE")
        waiting = pool.submit(ready, service)
        while not service.database._commits._lock.locked():
            pass
        close_app(service.app)
        assert not waiting.done()
        assert waiting.result(10)[0] == 503


def test_the_version_says_what_runs_here(done) -> None:
    found = done.client(token=None).get("/v1/version").json
    assert found["version"] == VERSION
    assert found["simulated"] is True
    assert isinstance(found["schema_version"], int)
    assert found["judge_fingerprint"]
    assert found["settings"] is None
    assert done.client().get("/v1/version").json == found | {"settings": found_by_operator(done)}


def found_by_operator(service) -> dict:
    settings = service.client().get("/v1/version").json["settings"]
    assert settings["MAX_ITERATIONS"] == 100
    assert settings["DATABASE_PATH"] == str(service.database.path)
    return settings


def test_where_nobody_needs_a_token_everybody_is_the_operator(open_with) -> None:
    service = open_with(require_auth=False)
    assert service.client(token=None).get("/v1/version").json["settings"]["REQUIRE_AUTH"] is False


def test_the_version_is_told_to_no_token_that_is_none(done) -> None:
    refused(done.client("guess").get("/v1/version"), 401, "unauthorized")


def test_the_version_tells_no_secret(open_with) -> None:
    keys = {"llm_api_key": "sk-canary-1", "judge_api_key": "sk-canary-2", "api_bearer_tokens": ["canary-3"]}
    urls = {"llm_base_url": "http://127.0.0.1:9/v1", "judge_base_url": "http://127.0.0.1:9/v1"}
    service = open_with(**keys, **urls, judge_model_id="j", target_model_default="t")
    text = service.client("canary-3").get("/v1/version").text
    assert "LLM_BASE_URL" in text
    assert "canary" not in text
    assert '"simulated":false' in text


def test_the_fingerprint_changes_with_the_judge(open_with) -> None:
    real = {"llm_base_url": "http://127.0.0.1:9/v1", "target_model_default": "t"}
    found = [
        open_with(**real, judge_model_id=judge).client().get("/v1/version").json["judge_fingerprint"]
        for judge in ("one", "two")
    ]
    assert found[0] != found[1]
