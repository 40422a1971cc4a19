"""The bank as a regression suite: a pinned prompt is tested again on what is new, and each loss is an event."""

import json

import pytest

from gepa_next.store.housekeeping import prune_jobs
from tests.api.answers import refused, wrong
from tests.support.pinning import DESK, TOPICS, bank, message, pin, prompt_for
from tests.support.programs import EXAMPLES as TICKETS
from tests.support.programs import served_program
from tests.support.providers import ALL_BUT_LARGE, LIMITED, OPENAI, PRICES, REAL
from tests.support.service import OTHER_TOKEN, Service

KEY = {"Idempotency-Key": "again-1"}


def retest(service: Service, **body: object) -> dict:
    """Run a re-test to its end and return the job's state."""
    answer = service.client().post(f"{DESK}/retest", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.headers["Location"] == f"/v1/optimize/{answer.json['job_id']}"
    assert answer.json == service.client().get(answer.headers["Location"]).json
    service.run(answer.json["job_id"])
    return service.client().get(answer.headers["Location"]).json


def stages(service: Service, job_id: str, stage: str) -> list[dict]:
    rows = service.database.rows(
        "SELECT data FROM events WHERE job_id = ? AND type = 'progress' ORDER BY id", (job_id,)
    )
    return [each for each in (json.loads(row["data"]) for row in rows) if each["stage"] == stage]


def taken(service: Service, state: dict) -> list[str]:
    rows = service.database.rows("SELECT id FROM examples WHERE job_id = ? ORDER BY id", (state["job_id"],))
    return [row["id"] for row in rows]


@pytest.fixture
def desk(service) -> Service:
    """A service whose `desk` knows invoice and crash, and knew invoice and outage in the version before."""
    pin(service, prompt_for("invoice", "outage"))
    pin(service, prompt_for("invoice", "crash"))
    return service


def test_each_example_lost_to_the_version_before_is_an_event_and_the_re_test_loses(desk) -> None:
    bank(desk.client(), *(message(topic) for topic in TOPICS))
    state = retest(desk)
    assert (state["status"], state["result"]["verdict"]) == ("finished", "loses")
    assert state["retest"] == {"name": "desk", "version": 2, "against": 1, "tolerance": 0.0}
    assert state["result"]["retest"].items() >= {"n": 4, "wins": 1, "losses": 1, "lost": ["outage-0"]}.items()
    assert state["result"]["prompt"] == prompt_for("invoice", "crash")
    lost = stages(desk, state["job_id"], "loss")
    assert [(each["example_id"], each["score"], each["seed_score"]) for each in lost] == [("outage-0", 0.0, 1.0)]


def test_what_loses_nothing_passes(desk) -> None:
    bank(desk.client(), message("invoice"), message("crash"))
    state = retest(desk)
    assert (state["result"]["verdict"], state["result"]["score"], state["result"]["seed_score"]) == ("passes", 1.0, 0.5)
    assert stages(desk, state["job_id"], "loss") == []


def test_losses_and_verdict_arrive_in_the_event_stream(desk) -> None:
    bank(desk.client(), message("outage"))
    state = retest(desk)
    text = desk.client().get(f"{state['links']['self']}/events").text
    assert '"stage":"loss"' in text
    assert text.index('"stage":"loss"') < text.index("event: finished")


def test_only_what_is_new_in_the_bank_is_taken(desk) -> None:
    client = desk.client()
    bank(client, message("invoice"))
    assert taken(desk, retest(desk)) == ["invoice-0"]
    bank(client, message("crash"))
    assert taken(desk, retest(desk)) == ["crash-0"]
    refused(client.post(f"{DESK}/retest"), 409, "not_retestable")


def test_what_was_in_the_bank_before_the_job_is_not_new(service) -> None:
    bank(service.client(), message("invoice"))
    pin(service, prompt_for("invoice"))
    pin(service, prompt_for("crash"))
    refused(service.client().post(f"{DESK}/retest"), 409, "not_retestable")
    bank(service.client(), message("crash"))
    assert taken(service, retest(service)) == ["crash-0"]


def test_a_re_test_that_was_cancelled_leaves_its_examples_new(desk) -> None:
    bank(desk.client(), message("invoice"))
    job_id = desk.client().post(f"{DESK}/retest").json["job_id"]
    desk.client().delete(f"/v1/optimize/{job_id}")
    assert taken(desk, retest(desk)) == ["invoice-0"]


def test_examples_that_are_new_to_one_version_may_be_known_to_another(desk) -> None:
    bank(desk.client(), message("invoice"))
    retest(desk)
    desk.client().post(f"{DESK}/rollback", json={"version": 1})
    assert taken(desk, retest(desk, against=2)) == ["invoice-0"]


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({"ids": ["outage-0"]}, ["outage-0"]), ({"tags": ["odd"]}, ["crash-0"]), ({"limit": 1}, ["crash-0"]),
     ({}, ["crash-0", "outage-0"])],
)  # fmt: skip
def test_examples_can_be_chosen_and_then_take_nothing_from_what_is_new(desk, chosen, expected) -> None:
    bank(desk.client(), message("outage"), {**message("crash"), "tags": ["odd"]})
    assert taken(desk, retest(desk, examples=chosen)) == expected
    assert taken(desk, retest(desk)) == ["crash-0", "outage-0"]


def test_the_rival_can_be_chosen(desk) -> None:
    pin(desk, prompt_for("password"))
    bank(desk.client(), message("invoice"))
    state = retest(desk, against=1)
    assert (state["retest"]["version"], state["retest"]["against"], state["result"]["seed_score"]) == (3, 1, 1.0)
    wrong(desk.client().post(f"{DESK}/retest", json={"against": 9}), "against")
    assert "same text" in wrong(desk.client().post(f"{DESK}/retest", json={"against": 3}), "against")


def test_the_first_version_is_tested_beside_the_seed_prompt_of_its_job(service) -> None:
    job_id = service.finished_job(iterations=2, population=2)
    service.client().put(DESK, json={"job_id": job_id, "candidate_id": 1})
    bank(service.client(), message("invoice"))
    state = retest(service)
    assert state["retest"]["against"] == 0
    candidates = service.client().get(f"/v1/optimize/{state['job_id']}/candidates").json["items"]
    origin = service.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]
    assert [each["text"] for each in candidates] == [origin[0]["text"], origin[1]["text"]]


def test_a_later_version_is_tested_beside_the_one_before_and_not_its_seed_prompt(service) -> None:
    pin(service, prompt_for("invoice"))
    job_id = service.finished_job(iterations=2, population=2)
    service.client().put(DESK, json={"job_id": job_id, "candidate_id": 1})
    bank(service.client(), message("invoice"))
    assert service.client().post(f"{DESK}/retest").json["retest"]["against"] == 1
    chosen = service.client().post(f"{DESK}/retest", json={"against": 0, "examples": {}})
    assert chosen.json["retest"]["against"] == 0


def test_a_seed_prompt_with_nothing_before_it_cannot_be_tested_beside_itself(service) -> None:
    pin(service, prompt_for("invoice"))
    bank(service.client(), message("invoice"))
    assert "seed prompt" in refused(service.client().post(f"{DESK}/retest"), 409, "not_retestable")["message"]
    wrong(service.client().post(f"{DESK}/retest", json={"against": 0}), "against")


def test_a_pinned_prompt_is_tested_again_when_its_jobs_are_gone(desk) -> None:
    bank(desk.client(), message("outage"))
    prune_jobs(desk.database, before=1e18)
    assert retest(desk)["result"]["verdict"] == "loses"


def test_it_is_scored_as_its_job_was(desk) -> None:
    bank(desk.client(), message("invoice"))
    state = retest(desk)
    of_version = desk.client().get(f"{DESK}/versions").json["items"][0]["links"]["job"]
    origin = desk.client().get(of_version).json
    same = ("metric", "judge", "target_model_id", "seed")
    assert [state[name] for name in same] == [origin[name] for name in same]


def test_a_program_s_components_are_tested_again(open_with) -> None:
    def knows(asked):
        return {"output": "", "score": float("good" in asked["prompts"]["team"] and "tie" not in asked["input"])}

    with served_program(knows) as program:
        service = open_with(**program.settings)
        for text in ("good", "bad"):
            pin(service, **program.job(prompts={"team": text, "priority": "any"}))
        bank(service.client(), TICKETS[0], {"input": "tie"})
        state = retest(service)
        assert (state["result"]["verdict"], state["result"]["retest"]["lost"]) == ("loses", [TICKETS[0]["id"]])
        assert state["result"]["prompts"] == {"team": "bad", "priority": "any"}


def test_a_version_with_other_components_is_no_rival(open_with) -> None:
    with served_program(lambda _: {"output": "", "score": 0.0}) as program:
        service = open_with(**program.settings)
        pin(service, prompt_for("invoice"))
        pin(service, **program.job())
        bank(service.client(), TICKETS[0])
        assert "components" in wrong(service.client().post(f"{DESK}/retest", json={"against": 1}), "against")
        refused(service.client().post(f"{DESK}/retest"), 409, "not_retestable")


def test_a_stopped_re_test_is_inconclusive_and_goes_on_when_resumed(desk) -> None:
    client = desk.client()
    bank(client, message("outage"))
    job_id = client.post(f"{DESK}/retest").json["job_id"]
    client.post(f"/v1/optimize/{job_id}/stop")
    desk.run(job_id)
    result = client.get(f"/v1/optimize/{job_id}").json["result"]
    assert (result["verdict"], result["stop_reason"], result["candidate_id"]) == ("inconclusive", "stopped", None)
    assert "re-test" in wrong(client.post(f"/v1/optimize/{job_id}/resume", json={"iterations": 5}), "iterations")
    assert client.post(f"/v1/optimize/{job_id}/resume").status_code == 202
    desk.run(job_id)
    assert client.get(f"/v1/optimize/{job_id}").json["result"]["verdict"] == "loses"
    refused(client.post(f"/v1/optimize/{job_id}/resume"), 409, "not_resumable")


def test_a_limit_that_is_taken_away_leaves_a_re_test_room_for_both_prompts_and_no_more(desk) -> None:
    bank(desk.client(), message("invoice"), message("crash"))
    job_id = desk.client().post(f"{DESK}/retest", json={"budget": {"max_rollouts": 9}}).json["job_id"]
    desk.client().delete(f"/v1/optimize/{job_id}")
    resumed = desk.client().post(f"/v1/optimize/{job_id}/resume", json={"budget": {"max_rollouts": None}})
    assert (resumed.status_code, resumed.json["budget"]["max_rollouts"]) == (202, 4), resumed.text


def test_the_same_request_makes_one_job_even_when_nothing_is_new_any_more(desk) -> None:
    client = desk.client()
    bank(client, message("invoice"))
    first, second = (client.post(f"{DESK}/retest", headers=KEY) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.headers["Idempotent-Replayed"] == "true"
    assert first.json["job_id"] == second.json["job_id"]
    refused(client.post(f"{DESK}/retest", json={"tolerance": 0.5}, headers=KEY), 422, "idempotency_key_reused")
    client.put("/v1/prompts/other", json={"job_id": client.get(f"{DESK}/versions").json["items"][0]["job_id"]})
    refused(client.post("/v1/prompts/other/retest", headers=KEY), 422, "idempotency_key_reused")


def test_re_tests_are_listed_with_their_verdicts_also_when_their_jobs_are_gone(desk) -> None:
    client = desk.client()
    bank(client, message("outage"))
    lost = retest(desk)
    bank(client, message("invoice"))
    queued = client.post(f"{DESK}/retest").json
    first = client.get(f"{DESK}/retests?limit=1").json
    rest = client.get(f"{DESK}/retests?limit=1&cursor={first['next_cursor']}").json
    found = [(each["job_id"], each["version"], each["against"], each["status"], each["verdict"])
             for each in (*first["items"], *rest["items"])]  # fmt: skip
    assert found == [(queued["job_id"], 2, 1, "queued", None), (lost["job_id"], 2, 1, "finished", "loses")]
    assert rest["next_cursor"] is None
    prune_jobs(desk.database, before=1e18)
    items = client.get(f"{DESK}/retests").json["items"]
    assert [(each["status"], each["verdict"]) for each in items] == [("queued", None), (None, None)]


def test_a_re_test_is_not_pinned(desk) -> None:
    bank(desk.client(), message("invoice"))
    state = retest(desk)
    for body in ({}, {"candidate_id": 0}):
        refused(desk.client().put(DESK, json={"job_id": state["job_id"], **body}), 409, "not_pinnable")


def test_deleting_what_is_pinned_leaves_its_re_tests_as_jobs(desk) -> None:
    bank(desk.client(), message("invoice"))
    state = retest(desk)
    desk.client().delete(DESK)
    assert desk.client().get(state["links"]["self"]).json["result"]["verdict"] == "passes"
    assert desk.database.rows("SELECT 1 FROM pin_retests") == []


@pytest.mark.parametrize(
    ("body", "path"),
    [({"examples": {"ids": ["nobody"]}}, "examples.ids"), ({"examples": {"tags": ["none"]}}, "examples"),
     ({"examples": {"ids": ["invoice-0"], "tags": ["x"]}}, "examples.ids"),
     ({"examples": {"ids": [" "]}}, "examples.ids.0"),
     ({"examples": ["invoice-0"]}, "examples"), ({"against": -1}, "against"), ({"tolerance": 1.5}, "tolerance"),
     ({"budget": {"max_rollouts": 1}}, "budget.max_rollouts"), ({"budget": {"max_calls": 1}}, "budget.max_calls"),
     ({"budget": {"patience": 1}}, "budget.patience"), ({"iterations": 3}, "iterations"), ({"cache": 1}, "cache")],
)  # fmt: skip
def test_a_body_that_cannot_be_used(desk, body, path) -> None:
    bank(desk.client(), message("invoice"))
    wrong(desk.client().post(f"{DESK}/retest", json=body), path)
    assert desk.client().get(f"{DESK}/retests").json["items"] == []


def test_examples_that_the_metric_cannot_use(desk) -> None:
    bank(desk.client(), {"input": "An invoice without an ideal."})
    assert "ideal" in wrong(desk.client().post(f"{DESK}/retest"), "examples")


@pytest.mark.parametrize("rest", ["/retest", "/retests"])
def test_what_there_is_not_or_belongs_to_another_token(desk, rest) -> None:
    method = "POST" if rest == "/retest" else "GET"
    refused(desk.client().open(f"/v1/prompts/nothing{rest}", method=method), 404, "not_found")
    refused(desk.client(OTHER_TOKEN).open(DESK + rest, method=method), 404, "not_found")
    wrong(desk.client().open(f"/v1/prompts/no name{rest}", method=method), "name")


def test_another_token_s_examples_are_not_taken(desk) -> None:
    bank(desk.client(OTHER_TOKEN), message("invoice"))
    refused(desk.client().post(f"{DESK}/retest"), 409, "not_retestable")
    wrong(desk.client().post(f"{DESK}/retest", json={"examples": {"ids": ["invoice-0"]}}), "examples.ids")


def test_what_the_simulator_answered_is_not_tested_again_on_real_models(desk, open_with) -> None:
    bank(desk.client(), message("invoice"))
    client = open_with(**REAL).client()
    assert "simulator" in refused(client.post(f"{DESK}/retest"), 409, "not_retestable")["message"]


def test_a_limit_in_usd_is_not_refused_for_a_reflector_that_is_not_asked(service, open_with) -> None:
    for topic in ("invoice", "crash"):
        pin(service, prompt_for(topic), target_model_id="acme/small")
    bank(service.client(), message("invoice"))
    client = open_with(**OPENAI, model_prices=ALL_BUT_LARGE).client()
    assert client.post(f"{DESK}/retest", json=LIMITED).status_code == 201
    client = open_with(**OPENAI, model_prices={"acme/large": PRICES["acme/large"]}).client()
    wrong(client.post(f"{DESK}/retest", json={**LIMITED, "examples": {}}), "budget.max_cost_usd")
