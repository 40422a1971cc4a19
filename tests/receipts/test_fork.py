"""A fork's receipt says where it comes from; it verifies, and the fork replays, though the other job is gone."""

import json

import pytest

from gepa_next.runner.replay import replay
from gepa_next.store.housekeeping import prune_jobs
from gepa_next.store.jobs import get_job
from tests.receipts.conftest import Files, files_of
from tests.receipts.test_verify import differing, verified
from tests.support.service import Service

EXAMPLES = [{"id": f"e{n}", "input": f"Order {n} lamps.", "ideal": f"lamp {n}"} for n in range(1, 25)]


@pytest.fixture(scope="module", params=["candidate", "event", "event, other target"])
def forked(request: pytest.FixtureRequest, service: Service) -> str:
    """The id of a fork that has ended, whose job has been pruned."""
    origin = service.finished_job(examples=EXAMPLES, iterations=2, population=2)
    end = get_job(service.database, origin).last_event_id
    begins = {
        "candidate": {"candidate_id": 1},
        "event": {"event_id": end},
        "event, other target": {"event_id": end, "target_model_id": "other/model"},
    }
    made = service.client().post(f"/v1/optimize/{origin}/fork", json=begins[request.param])
    assert made.status_code == 201, made.text
    service.run(made.json["job_id"])
    service.database.write(lambda db: db.execute("UPDATE jobs SET finished_at = 1.0 WHERE id = ?", (origin,)))
    assert prune_jobs(service.database, before=2.0) == 1
    return made.json["job_id"]


@pytest.fixture(scope="module")
def files(forked: str, service: Service) -> Files:
    return files_of(service, forked)


def test_all_that_a_fork_leaves_behind_agrees(files: Files) -> None:
    assert differing(files) == []
    assert any("the held-out test" in check.said for check in verified(files))


def test_the_receipt_names_what_the_fork_began_with(files: Files, forked: str, service: Service) -> None:
    receipt = json.loads(files["receipt.json"])
    assert receipt["forked_from"] == service.client().get(f"/v1/optimize/{forked}").json["forked_from"]
    assert receipt["forked_from"]["test_seen"] == receipt["result"]["test_seen"] == bool(receipt["result"]["test"])


def test_a_fork_replays_to_the_same_end(forked: str, service: Service) -> None:
    found = replay(service.database, get_job(service.database, forked))
    assert [check.said for check in found.checks if not check.agrees] == []
    assert found.began_after == 0
