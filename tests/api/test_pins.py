"""Pinned prompts: a candidate under a name, its versions, which was active when, and names that are none."""

import json

import pytest

from tests.api.answers import refused, wrong
from tests.support.service import OTHER_TOKEN, SMALL_JOB, Service

ORDERS = "/v1/prompts/orders"
JSON = {"Accept": "application/json"}
SEED = str(SMALL_JOB["prompt"])


@pytest.fixture
def pinned(service, client) -> str:
    """The id of a finished job whose candidates 0 and 1 are versions 1 and 2 of `orders`, the second active."""
    job_id = service.finished_job(iterations=2, population=2)
    for candidate_id in (0, 1):
        assert client.put(ORDERS, json={"job_id": job_id, "candidate_id": candidate_id}).status_code == 201
    return job_id


def text_of(service: Service, job_id: str, candidate_id: int) -> str:
    items = service.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]
    return str(items[candidate_id]["text"])


def versions(client, path="versions") -> list[int]:
    return [item["version"] for item in client.get(f"{ORDERS}/{path}").json["items"]]


def test_what_a_job_returned_is_pinned_with_its_evidence(service, client) -> None:
    job_id = service.finished_job()
    answer = client.put(ORDERS, json={"job_id": job_id})
    assert (answer.status_code, answer.headers["Location"]) == (201, f"{ORDERS}/versions/1")
    job = client.get(f"/v1/optimize/{job_id}").json
    returned = {name: job["result"][name] for name in ("candidate_id", "score", "scored_on", "verdict")}
    of_job = {name: job[name] for name in ("job_id", "judge", "target_model_id", "program_url", "simulated")}
    assert answer.json.items() >= {**returned, **of_job, "text": job["result"]["prompt"], "version": 1}.items()


def test_a_version_keeps_what_is_known_of_the_judge_s_noise(service, client) -> None:
    noise = {"sd": 0.07, "n": 6, "repeats": 2}
    job_id = service.finished_job()
    service.database.write(lambda db: db.execute("UPDATE jobs SET judge_noise = ?", (json.dumps(noise),)))
    assert client.put("/v1/prompts/desk", json={"job_id": job_id}).json["judge"]["noise"] == noise
    assert client.get("/v1/prompts/desk", headers={"Accept": "application/json"}).json["judge"]["noise"] == noise


def test_a_candidate_that_is_not_the_result_has_its_validation_score_and_no_verdict(service, client, pinned) -> None:
    items = client.get(f"/v1/optimize/{pinned}/candidates").json["items"]
    shown = client.get(f"{ORDERS}/versions/2", headers=JSON).json
    assert client.get(f"/v1/optimize/{pinned}").json["result"]["candidate_id"] != 1
    assert (shown["text"], shown["score"], shown["verdict"]) == (items[1]["text"], items[1]["score"], None)
    assert shown["scored_on"] == (None if items[1]["score"] is None else "validation")


def test_the_same_again_makes_no_new_version(client, pinned) -> None:
    answer = client.put(ORDERS, json={"job_id": pinned, "candidate_id": 1})
    assert (answer.status_code, answer.json["version"]) == (200, 2)
    assert versions(client) == [2, 1]


def test_an_older_one_pinned_again_is_a_version_of_its_own(client, pinned) -> None:
    answer = client.put(ORDERS, json={"job_id": pinned, "candidate_id": 0})
    assert (answer.status_code, answer.json["version"]) == (201, 3)


def test_the_active_text_is_served_as_it_is(service, client, pinned) -> None:
    answer = client.get(ORDERS)
    assert answer.text == text_of(service, pinned, 1)
    assert answer.content_type == "text/plain; charset=utf-8"
    assert answer.headers["Content-Location"] == f"{ORDERS}/versions/2"
    assert (answer.headers["Cache-Control"], answer.headers["Vary"]) == ("private, no-cache", "Accept")


@pytest.mark.parametrize(
    ("accept", "served"),
    [("application/json", "application/json"), ("text/plain", "text/plain; charset=utf-8"),
     ("text/plain;q=0.5, application/json", "application/json"), ("*/*", "text/plain; charset=utf-8"),
     ("image/png", "text/plain; charset=utf-8"), ("", "text/plain; charset=utf-8")],
)  # fmt: skip
def test_a_client_chooses_text_or_json(client, pinned, accept, served) -> None:
    assert client.get(ORDERS, headers={"Accept": accept}).content_type == served


@pytest.mark.parametrize("headers", [{}, JSON])
def test_what_has_not_changed_is_304_until_another_version_is_active(client, pinned, headers) -> None:
    etag = client.get(ORDERS, headers=headers).headers["ETag"]
    assert not etag.startswith("W/")
    unchanged = client.get(ORDERS, headers={**headers, "If-None-Match": etag})
    assert (unchanged.status_code, unchanged.data, unchanged.headers["ETag"]) == (304, b"", etag)
    client.post(f"{ORDERS}/rollback", json={"version": 1})
    assert client.get(ORDERS, headers={**headers, "If-None-Match": etag}).status_code == 200


def test_text_and_json_have_different_etags(client, pinned) -> None:
    assert client.get(ORDERS).headers["ETag"] != client.get(ORDERS, headers=JSON).headers["ETag"]


def test_a_rollback_makes_an_earlier_version_active_and_the_history_tells(client, pinned) -> None:
    for _ in range(2):  # again the same
        answer = client.post(f"{ORDERS}/rollback", json={"version": 1})
        assert (answer.status_code, answer.json["version"], answer.json["active"]) == (200, 1, True)
    assert client.get(ORDERS).text == SEED
    items = client.get(f"{ORDERS}/history").json["items"]
    assert [item["version"] for item in items] == [1, 2, 1]
    assert [item["until"] for item in items] == [None, items[0]["since"], items[1]["since"]]
    assert [item["active"] for item in client.get(f"{ORDERS}/versions").json["items"]] == [False, True]


@pytest.mark.parametrize("version", [0, 3, 10**9, "1", True, None])
def test_a_rollback_to_no_version(client, pinned, version) -> None:
    wrong(client.post(f"{ORDERS}/rollback", json={"version": version}), "version")
    assert versions(client, "history") == [2, 1]


def test_a_pinned_prompt_outlives_its_job(service, client, pinned) -> None:
    before = client.get(ORDERS, headers=JSON).json
    service.database.write(lambda db: db.execute("DELETE FROM jobs"))
    assert client.get(ORDERS, headers=JSON).json == before


@pytest.mark.parametrize(
    ("method", "rest", "body"),
    [("PUT", "", {"candidate_id": 1}), ("POST", "/rollback", {"version": 2}), ("DELETE", "", None)],
)
def test_a_change_under_if_match_is_refused_once_the_active_version_is_another(
    client, pinned, method, rest, body
) -> None:
    given = {"job_id": pinned, **body} if method == "PUT" else body
    stale = {"If-Match": client.get(ORDERS).headers["ETag"]}
    client.post(f"{ORDERS}/rollback", json={"version": 1})
    refused(client.open(ORDERS + rest, method=method, json=given, headers=stale), 412, "precondition_failed")
    assert versions(client) == [2, 1]
    assert versions(client, "history") == [1, 2, 1]


@pytest.mark.parametrize("headers", [{}, JSON])
def test_a_change_under_the_etag_of_either_form_is_made(client, pinned, headers) -> None:
    fresh = {"If-Match": client.get(ORDERS, headers=headers).headers["ETag"]}
    assert client.post(f"{ORDERS}/rollback", json={"version": 1}, headers=fresh).json["version"] == 1


def test_if_match_where_nothing_is_pinned(service, client) -> None:
    job_id = service.finished_job()
    answer = client.put(ORDERS, json={"job_id": job_id}, headers={"If-Match": "*"})
    refused(answer, 412, "precondition_failed")


def test_reading_under_an_if_match_of_another_version_has_the_one_error_shape(client, pinned) -> None:
    refused(client.get(ORDERS, headers={"If-Match": '"another"'}), 412, "precondition_failed")


@pytest.mark.parametrize(
    "name", ["..", ".hidden", "-x", "_x", "a" * 65, "a b", "ä", "a:b", "a%00", "a%0Ab", "a%0A", "%F0%9F%90%8D", "a~"]
)
def test_a_name_that_is_not_a_name(service, client, name) -> None:
    job_id = service.create()
    for method, rest, body in [
        ("PUT", "", {"job_id": job_id}),
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/versions", None),
        ("GET", "/versions/1", None),
        ("GET", "/history", None),
        ("POST", "/rollback", {"version": 1}),
    ]:
        said = wrong(client.open(f"/v1/prompts/{name}{rest}", method=method, json=body), "name")
        assert "1 to 64" in said
    assert client.get("/v1/prompts").json["items"] == []


@pytest.mark.parametrize("name", ["a", "Orders.v2_final-1", "7", "a" * 64])
def test_a_name_is_of_a_small_alphabet(service, client, name) -> None:
    job_id = service.finished_job()
    assert client.put(f"/v1/prompts/{name}", json={"job_id": job_id}).json["name"] == name


def test_a_job_without_a_result_is_pinned_only_by_candidate(service, client) -> None:
    job_id = service.create()
    assert "queued" in refused(client.put(ORDERS, json={"job_id": job_id}), 409, "not_pinnable")["message"]
    wrong(client.put(ORDERS, json={"job_id": job_id, "candidate_id": 0}), "candidate_id")
    service.run(job_id)
    assert client.put(ORDERS, json={"job_id": job_id, "candidate_id": 0}).status_code == 201


def test_a_candidate_that_a_guard_refused_is_not_pinned(service, client, pinned) -> None:
    service.database.write(lambda db: db.execute("UPDATE candidates SET decision = 'refused' WHERE id = 1"))
    assert "refused" in wrong(client.put(ORDERS, json={"job_id": pinned, "candidate_id": 1}), "candidate_id")


@pytest.mark.parametrize(
    ("changes", "path"),
    [({"job_id": None}, "job_id"), ({"job_id": ""}, "job_id"), ({"candidate_id": -1}, "candidate_id"),
     ({"candidate_id": True}, "candidate_id"), ({"candidate_id": 99}, "candidate_id"), ({"colour": 1}, "colour")],
)  # fmt: skip
def test_a_body_that_cannot_be_used(client, pinned, changes, path) -> None:
    wrong(client.put("/v1/prompts/new", json={"job_id": pinned, **changes}), path)
    refused(client.get("/v1/prompts/new"), 404, "not_found")


def test_a_job_that_there_is_not(client) -> None:
    refused(client.put(ORDERS, json={"job_id": "nobody-knows"}), 404, "not_found")


def test_what_is_pinned_belongs_to_its_token(service, client, pinned) -> None:
    other = service.client(OTHER_TOKEN)
    refused(other.put("/v1/prompts/mine", json={"job_id": pinned}), 404, "not_found")
    assert other.get("/v1/prompts").json["items"] == []
    for method, rest, body in [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/versions", None),
        ("GET", "/versions/1", None),
        ("GET", "/history", None),
        ("POST", "/rollback", {"version": 1}),
    ]:
        refused(other.open(ORDERS + rest, method=method, json=body), 404, "not_found")
    own = service.finished_job(token=OTHER_TOKEN)  # may have the name for itself
    assert other.put(ORDERS, json={"job_id": own}).json["version"] == 1
    assert versions(client) == [2, 1]


def test_deleting_leaves_nothing(service, client, pinned) -> None:
    assert client.delete(ORDERS).status_code == 204
    refused(client.get(ORDERS), 404, "not_found")
    refused(client.delete(ORDERS), 404, "not_found")
    assert service.database.rows("SELECT name FROM pin_versions UNION SELECT name FROM pin_activations") == []


@pytest.mark.parametrize("number", ["0", "3", "x", "-1", "1" * 30, "²", "01"])
def test_a_version_that_there_is_not(client, pinned, number) -> None:
    refused(client.get(f"{ORDERS}/versions/{number}"), 404, "not_found")


def test_lists_come_in_pages(client, pinned) -> None:
    for name in ("b", "a"):
        client.put(f"/v1/prompts/{name}", json={"job_id": pinned})
    for path, name, expected in [
        ("/v1/prompts", "name", ["a", "b", "orders"]),
        (f"{ORDERS}/versions", "version", [2, 1]),
        (f"{ORDERS}/history", "version", [2, 1]),
    ]:
        found, cursor = [], ""
        while cursor is not None:
            page = client.get(f"{path}?limit=1{cursor and '&cursor='}{cursor}").json
            assert len(page["items"]) == 1
            found += [item[name] for item in page["items"]]
            cursor = page["next_cursor"]
        assert found == expected
        wrong(client.get(f"{path}?cursor=nonsense"), "cursor")
        wrong(client.get(f"{path}?tag=x"), "tag")


def test_a_page_may_read_and_change_pins(open_with) -> None:
    client = open_with(cors_allowed_origins=["http://pages.test"]).client()
    headers = client.get("/v1/prompts", headers={"Origin": "http://pages.test"}).headers
    assert "PUT" in headers["Access-Control-Allow-Methods"]
    assert "If-Match" in headers["Access-Control-Allow-Headers"]
    assert "ETag" in headers["Access-Control-Expose-Headers"]


def test_what_is_served_varies_by_origin_too(open_with) -> None:
    service = open_with(cors_allowed_origins=["http://pages.test"])
    client = service.client()
    client.put(ORDERS, json={"job_id": service.finished_job()})
    assert client.get(ORDERS, headers={"Origin": "http://pages.test"}).headers["Vary"] == "Accept, Origin"
