"""What belongs to another owner does not exist: every route answers for it as for an id that nobody has."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from gepa_next.api.edge.identity import COOKIE, session_of
from gepa_next.tickets import issue_ticket
from gepa_next.tokens.lines import digest_of_token
from tests.api.answers import refused
from tests.support.service import EXAMPLES, OTHER_TOKEN, SMALL_JOB, TOKEN, Service, open_service

HERE = {"Sec-Fetch-Site": "same-origin"}
NOBODYS = {"assets.static_file"}  # or everybody's
# What else a request needs to get as far as the look-up; an id in it becomes the one that is asked with.
BODIES = {
    "pins.pin": {"job_id": ""},
    "pins.roll_back": {"version": 1},
}
LISTS = {
    "optimize.index": lambda answer: answer.json["items"],
    "examples.index": lambda answer: answer.json["items"],
    "pins.index": lambda answer: answer.json["items"],
    "pages.jobs": lambda answer: ["a job"] if "/jobs/" in answer.text else [],
}
# Routes without an id that tell or make nothing of anybody's: open ones, forms, and what comes with its own body.
OF_NO_ID = {
    "optimize.create", "quotes.create", "comparisons.create", "comparisons.quote", "examples.create",
    "health.healthz", "health.readyz", "health.version", "metrics.prometheus", "metrics.flat", "openapi.describe",
    "docs.docs", "pages.jobs_by_name",
    "ordering.new", "ordering.order", "session.log_in_form", "session.log_in", "session.log_out",
}  # fmt: skip


@dataclass(frozen=True)
class Owned:
    """A service, and the ids of one of everything that the first token has; the other one has nothing."""

    service: Service
    ids: dict[str, str]

    def rules(self) -> list[Rule]:
        return list(self.service.app.url_map.iter_rules())

    def ask(self, rule: Rule, ids: dict[str, str], client: FlaskClient) -> dict[str, tuple[int, object]]:
        """Return how each method of the route answers; without the request's id, which is another each time."""
        body = {name: ids.get(name, value) for name, value in BODIES.get(rule.endpoint, {}).items()}
        found = {}
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            answer = client.open(
                path_of(rule, ids), method=method, json=body if method in {"POST", "PUT"} else None, headers=HERE
            )
            said = answer.text if answer.json is None else answer.json.get("error", {}).get("message")
            for each in ids.values():
                said = str(said).replace(each, "ID")
            found[f"{method} {rule.rule}"] = (answer.status_code, said)
        return found


def path_of(rule: Rule, ids: dict[str, str]) -> str:
    assert rule.arguments <= set(ids), "an id that this test does not know of"
    built = rule.build(ids, append_unknown=False)
    assert built is not None
    return built[1]


@pytest.fixture(scope="module")
def owned(tmp_path_factory, no_settings_from_outside) -> Iterator[Owned]:
    with closing(open_service(tmp_path_factory.mktemp("owned"))) as service:
        job_id = service.finished_job()
        client = service.client()
        assert client.put("/v1/prompts/greeting", json={"job_id": job_id}).status_code == 201
        assert client.post("/v1/examples", json={"id": "mine", "input": "1 + 1"}).status_code == 201
        body = {"prompt": "Add.", "examples": EXAMPLES, "target_model_ids": ["acme/one", "acme/two"]}
        compared = client.post("/v1/comparisons", json=body).json["comparison_id"]
        ids = {"job_id": job_id, "comparison_id": compared, "example_id": "mine", "name": "greeting", "number": "1"}
        yield Owned(service, {**ids, "candidate_id": "0"})


def with_cookie(owned: Owned, token: str) -> FlaskClient:
    key = owned.service.parts.access.ticket_key
    client = owned.service.client(None)
    ticket = issue_ticket(digest_of_token(token), session_of("0" * 16), key=key, until=time.time() + 60)
    client.set_cookie(COOKIE, f"{'0' * 16}.{ticket}")
    return client


@pytest.mark.parametrize("by_cookie", [False, True], ids=["token", "cookie"])
def test_every_route_with_an_id_answers_another_owner_as_if_there_were_none(owned, by_cookie) -> None:
    other = with_cookie(owned, OTHER_TOKEN) if by_cookie else owned.service.client(OTHER_TOKEN)
    nobodys = {**dict.fromkeys(owned.ids, "nobodys-thing"), "number": "1", "candidate_id": "0"}
    rules = [each for each in owned.rules() if each.arguments and each.endpoint not in NOBODYS]
    theirs = {route: said for each in rules for route, said in owned.ask(each, owned.ids, other).items()}
    missing = {route: said for each in rules for route, said in owned.ask(each, nobodys, other).items()}
    assert theirs == missing
    assert {route: status for route, (status, _) in theirs.items() if status != 404} == {}


def test_the_owner_finds_what_another_one_does_not(owned) -> None:
    rules = [each for each in owned.rules() if each.arguments and each.methods >= {"GET"}]
    found = {
        each.rule: owned.service.client().get(path_of(each, owned.ids))
        for each in rules
        if each.endpoint not in NOBODYS
    }
    absent = {rule for rule, answer in found.items() if answer.status_code != 200}
    assert absent <= {"/v1/optimize/<job_id>/artifacts/<name>", "/jobs/<job_id>/case/<candidate_id>/<example_id>"}


def test_every_list_is_empty_for_another_owner_and_no_route_is_forgotten(owned) -> None:
    rules = {each.endpoint: each for each in owned.rules() if not each.arguments}
    assert set(rules) == {*LISTS, *OF_NO_ID}
    shown = {
        token: {name: bool(items(owned.service.client(token).get(rules[name].rule))) for name, items in LISTS.items()}
        for token in (TOKEN, OTHER_TOKEN)
    }
    assert shown == {TOKEN: dict.fromkeys(LISTS, True), OTHER_TOKEN: dict.fromkeys(LISTS, False)}


def test_the_same_idempotency_key_makes_each_owner_a_job_of_its_own(owned) -> None:
    asked = {"json": SMALL_JOB, "headers": {"Idempotency-Key": "k"}}
    made = [owned.service.client(each).post("/v1/optimize", **asked) for each in (TOKEN, OTHER_TOKEN)]
    assert [each.status_code for each in made] == [201, 201]
    assert len({each.json["job_id"] for each in made}) == 2
    owned.service.client(OTHER_TOKEN).delete(f"/v1/optimize/{made[1].json['job_id']}")


@pytest.mark.parametrize("body", [{"version": 1}, {"version": 1, "against": 1}, {"examples": {"ids": ["mine"]}}])
def test_a_retest_finds_neither_the_pin_nor_the_bank_of_another_owner(owned, body) -> None:
    refused(owned.service.client(OTHER_TOKEN).post("/v1/prompts/greeting/retest", json=body), 404, "not_found")


def test_answers_are_shared_with_nobody_else(owned) -> None:
    service = owned.service
    paid = {}
    for token in (TOKEN, OTHER_TOKEN):
        job_id = service.create(token=token, cache=True, temperature=0)
        service.run(job_id)
        calls = service.client(token).get(f"/v1/optimize/{job_id}/artifacts/calls.jsonl").text
        paid[token] = calls.count('"cached"')
    again = service.create(token=OTHER_TOKEN, cache=True, temperature=0)
    service.run(again)
    calls = service.client(OTHER_TOKEN).get(f"/v1/optimize/{again}/artifacts/calls.jsonl").text
    assert paid[OTHER_TOKEN] < calls.count('"cached"')
