"""What may be asked of a job that exists: stop and resume, and what is refused."""

import pytest

from gepa_next.gepa.run import standing_of
from gepa_next.store.evidence import iterate_candidates
from gepa_next.store.jobs import find_standing, get_job
from gepa_next.store.states import load_state
from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN

MORE = {"iterations": 2}


def post(client, job_id, action, body=None):
    return client.post(f"/v1/optimize/{job_id}/{action}", **({} if body is None else {"json": body}))


def state(client, job_id):
    return client.get(f"/v1/optimize/{job_id}").json


def test_a_stopped_job_finishes_with_the_best_so_far_and_its_test(service, client) -> None:
    job_id = service.create(iterations=50, split={"train": 2, "val": 2, "test": 2})
    assert post(client, job_id, "stop").status_code == 202
    service.run(job_id)
    found = state(client, job_id)
    assert (found["status"], found["stop_reason"], found["iteration"]) == ("finished", "stopped", 0)
    assert found["result"]["test"]["n"] == 2


def test_stopping_twice_is_the_same(service, client) -> None:
    job_id = service.create()
    assert [post(client, job_id, "stop").status_code for _ in range(2)] == [202, 202]


@pytest.mark.parametrize("action", ["stop", "resume"])
def test_another_tokens_job_does_not_exist(service, done, done_id, action) -> None:
    answer = post(done.client(OTHER_TOKEN), done_id, action)
    assert refused(answer, 404, "not_found")


def test_a_finished_job_is_not_stoppable(done, done_id) -> None:
    assert refused(post(done.client(), done_id, "stop"), 409, "not_stoppable")


def test_a_queued_job_is_not_resumable(service, client) -> None:
    assert refused(post(client, service.create(), "resume"), 409, "not_resumable")


def test_a_finished_job_goes_on_when_it_may_do_more(service, client) -> None:
    job_id = service.finished_job()
    before = state(client, job_id)
    answer = post(client, job_id, "resume", MORE)
    assert (answer.status_code, answer.json["status"], answer.json["result"]) == (202, "queued", None)
    service.run(job_id)
    after = state(client, job_id)
    assert (before["iteration"], after["iteration"], after["status"]) == (1, 2, "finished")
    assert after["budget"]["max_rollouts"] > before["budget"]["max_rollouts"]


def test_a_resumed_job_ends_where_a_longer_one_does(service, client) -> None:
    long = service.finished_job(iterations=2)
    short = service.finished_job(iterations=1)
    post(client, short, "resume", MORE)
    service.run(short)
    assert list(iterate_candidates(service.database, short)) == list(iterate_candidates(service.database, long))
    assert state(client, short)["result"]["prompt"] == state(client, long)["result"]["prompt"]


def test_a_resumed_job_pays_for_nothing_twice(service, client) -> None:
    long = service.finished_job(iterations=2, cache=False)
    short = service.finished_job(iterations=1, cache=False)
    post(client, short, "resume", MORE)
    service.run(short)
    assert state(client, short)["usage"] == state(client, long)["usage"]


def test_the_event_log_goes_on_without_a_gap_and_its_stream_does_not_end_at_the_first_end(service, client) -> None:
    job_id = service.finished_job()
    post(client, job_id, "resume", MORE)
    service.run(job_id)
    text = client.get(f"/v1/optimize/{job_id}/events").text
    ids = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
    kinds = [line[7:] for line in text.splitlines() if line.startswith("event: ") and "progress" not in line]
    assert ids == list(range(1, len(ids) + 1))
    assert kinds == ["started", "finished", "resumed", "finished"]


def test_a_cancelled_job_goes_on_where_it_was(service, client) -> None:
    job_id = service.create()
    client.delete(f"/v1/optimize/{job_id}")
    assert post(client, job_id, "resume").status_code == 202
    service.run(job_id)
    assert state(client, job_id)["status"] == "finished"


def test_a_job_with_nothing_left_to_do_is_not_resumable(done, done_id) -> None:
    answer = post(done.client(), done_id, "resume")
    assert refused(answer, 409, "not_resumable")
    assert "iterations" in answer.json["error"]["message"]


def test_where_a_finished_job_stands_is_what_its_whole_state_says(service) -> None:
    job_id = service.finished_job(iterations=2, split={"train": 2, "val": 2, "test": 2})
    state = load_state(service.database, get_job(service.database, job_id))
    assert find_standing(service.database, job_id) == standing_of(state)


def test_what_is_left_to_do_is_known_without_a_look_at_the_rollouts(service, client) -> None:
    job_id = service.finished_job(budget={"max_rollouts": 7}, iterations=3)
    assert state(client, job_id)["stop_reason"] == "max_rollouts"
    service.database.write(lambda db: db.execute("DELETE FROM rollouts"))
    assert "max_rollouts" in refused(post(client, job_id, "resume"), 409, "not_resumable")["message"]
    assert post(client, job_id, "resume", {"budget": {"max_rollouts": 1000}}).status_code == 202


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"budget": {"max_rollouts": 1}}, "budget.max_rollouts"),
        ({"budget": {"max_calls": 1}}, "budget.max_calls"),
        ({"budget": {"max_tokens": 1}}, "budget.max_tokens"),
        ({"iterations": 10**6}, "iterations"),
        ({"iterations": 0}, "iterations"),
        ({"population": 9}, "population"),
    ],
)
def test_limits_that_cannot_be_are_refused_and_nothing_changes(done, done_id, body, path) -> None:
    before = state(done.client(), done_id)
    answer = post(done.client(), done_id, "resume", body)
    assert refused(answer, 422, "validation_error")
    assert answer.json["error"]["details"][0]["path"] == path
    assert state(done.client(), done_id) == before


def test_fewer_iterations_than_are_done_are_refused(service, client) -> None:
    job_id = service.finished_job(iterations=2)
    answer = post(client, job_id, "resume", {"iterations": 1})
    assert refused(answer, 422, "validation_error")


def test_a_limit_of_ones_own_on_rollouts_does_not_grow_with_the_iterations(service, client) -> None:
    job_id = service.finished_job(budget={"max_rollouts": 100})
    assert post(client, job_id, "resume", MORE).json["budget"]["max_rollouts"] == 100


def test_of_two_resumptions_at_once_one_is_too_late(service, client) -> None:
    job_id = service.finished_job()
    codes = [post(client, job_id, "resume", MORE).status_code for _ in range(2)]
    assert codes == [202, 409]


def test_a_job_whose_time_is_up_is_not_resumable_without_more_of_it(service, client) -> None:
    job_id = service.finished_job(budget={"max_seconds": 0.000001})
    assert state(client, job_id)["stop_reason"] == "max_seconds"
    error = refused(post(client, job_id, "resume"), 409, "not_resumable")
    assert "max_seconds" in error["message"]
    assert post(client, job_id, "resume", {"budget": {"max_seconds": 60}}).status_code == 202


def test_a_job_that_ended_before_its_final_test_is_resumable_although_its_iterations_are_done(service, client) -> None:
    job_id = service.finished_job()
    service.database.write(lambda db: db.execute("UPDATE jobs SET status = 'failed' WHERE id = ?", (job_id,)))
    assert post(client, job_id, "resume").status_code == 202
    service.run(job_id)
    assert state(client, job_id)["status"] == "finished"


def test_null_takes_a_limit_away(service, client) -> None:
    job_id = service.finished_job(budget={"max_rollouts": 40, "max_calls": 500, "patience": 9})
    no_limits = dict.fromkeys(("max_rollouts", "max_calls", "patience"))
    budget = post(client, job_id, "resume", {"budget": no_limits, **MORE}).json["budget"]
    unlimited = state(client, service.create(iterations=2))["budget"]
    assert budget == unlimited


@pytest.mark.parametrize(
    ("limits", "more", "helps"),
    [
        ({}, {}, "iterations; raise iterations"),
        ({"max_rollouts": 6}, MORE, "max_rollouts; raise budget.max_rollouts"),
    ],
)
def test_a_refusal_to_go_on_says_what_to_raise(service, client, limits, more, helps) -> None:
    job_id = service.finished_job(budget=limits)
    answer = post(client, job_id, "resume", more)
    assert helps in answer.json["error"]["message"]
