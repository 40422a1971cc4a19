"""What one owner may have: jobs under way, examples, bytes; counted as it is written, and told in clear errors."""

import json

import pytest

from gepa_next.store.housekeeping import prune_jobs
from gepa_next.store.quotas import Quota, held_by
from gepa_next.tokens.private_file import write_private
from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN, SMALL_JOB, TOKEN

ADA = "ada-0123456789-abcdef"
TEXTS = {
    "jobs": ("id", ["spec"]),
    "examples": ("job_id", ["input", "ideal", "tags", "meta"]),
    "events": ("job_id", ["data"]),
    "candidates": ("job_id", ["text", "prompts"]),
    "rollouts": ("job_id", ["output", "feedback", "error"]),
    "lessons": ("job_id", ["text"]),
    "calls": ("job_id", ["text"]),
}


def counted(database) -> dict[str, int]:
    """Return how many bytes of text each job has, looked up in all its rows."""
    found: dict[str, int] = {}
    for table, (key, columns) in TEXTS.items():
        for row in database.rows(f"SELECT {key} AS job_id, {', '.join(columns)} FROM {table}"):  # noqa: S608 - constants
            size = sum(len((row[name] or "").encode()) for name in columns)
            found[row["job_id"]] = found.get(row["job_id"], 0) + size
    return found


def kept(database) -> dict[str, int]:
    return {row["job_id"]: row["bytes"] for row in database.rows("SELECT job_id, bytes FROM job_sizes")}


def held(service, token=TOKEN) -> Quota:
    owner = service.parts.access.tokens._known[next(t.digest for t in service.settings.tokens())].owner
    return service.database.write(lambda db: held_by(db, owner))


def test_what_a_job_takes_is_what_all_its_rows_take(service) -> None:
    finished = service.finished_job(prompt="Addiere die zwei Zahlen: größer als Ä.")
    forked = service.client().post(f"/v1/optimize/{finished}/fork").json["job_id"]
    service.create()
    assert kept(service.database) == counted(service.database)
    service.run(forked)
    assert kept(service.database) == counted(service.database)


def test_what_a_resumed_job_lets_go_of_is_counted_no_more(service) -> None:
    job_id = service.create(examples=[], iterations=2)  # drafted examples go with the rest
    service.begin(job_id)

    def half_an_iteration(db) -> None:
        db.execute(
            "INSERT INTO lessons (job_id, id, event_id, text, candidate_id, iteration) VALUES (?, 1, 9, 'Ä', 0, 1)",
            (job_id,),
        )

    service.database.write(half_an_iteration)
    service.client().delete(f"/v1/optimize/{job_id}")
    before = kept(service.database)[job_id]
    assert service.client().post(f"/v1/optimize/{job_id}/resume").status_code == 202
    assert kept(service.database)[job_id] == before - 2
    assert kept(service.database) == counted(service.database)


def test_a_pruned_job_takes_nothing(service) -> None:
    service.finished_job()
    assert held(service).stored_bytes > 1000
    prune_jobs(service.database, before=1e12)
    assert held(service) == Quota()
    assert kept(service.database) == {}


def test_the_bank_is_counted_as_it_is_written(service) -> None:
    client = service.client()
    many = [{"id": str(n), "input": f"größer {n}", "ideal": "x"} for n in range(30)]
    client.post("/v1/examples", json=many)
    client.post("/v1/examples", json={"id": "3", "input": "y"})
    client.delete("/v1/examples/4")
    client.delete("/v1/examples/nothing")
    rows = service.database.rows("SELECT input, ideal, tags, meta FROM bank")
    size = sum(len((each or "").encode()) for row in rows for each in row)
    assert (held(service).examples, held(service).stored_bytes) == (29, size)


def test_an_owner_has_so_many_jobs_under_way_and_no_more(open_with) -> None:
    service = open_with(owner_max_jobs=2)
    first, _ = service.create(), service.create()
    client = service.client()
    answer = client.post("/v1/optimize", json=SMALL_JOB)
    assert "2 of at most 2" in refused(answer, 429, "too_many_jobs")["message"]
    assert int(answer.headers["Retry-After"]) > 0
    service.create(token=OTHER_TOKEN)
    client.delete(f"/v1/optimize/{first}")
    service.create()
    refused(client.post(f"/v1/optimize/{first}/resume"), 429, "too_many_jobs")
    assert client.get(f"/v1/optimize/{first}").json["status"] == "cancelled"


def test_a_comparison_counts_as_its_jobs_and_is_made_whole_or_not_at_all(open_with) -> None:
    service = open_with(owner_max_jobs=2)
    body = {"prompt": "Add.", "examples": SMALL_JOB["examples"], "target_model_ids": ["a/1", "a/2", "a/3"]}
    refused(service.client().post("/v1/comparisons", json=body), 429, "too_many_jobs")
    assert service.client().get("/v1/optimize").json["items"] == []


def test_the_same_request_again_is_no_further_job(open_with) -> None:
    service = open_with(owner_max_jobs=1)
    asked = {"json": SMALL_JOB, "headers": {"Idempotency-Key": "k"}}
    assert [service.client().post("/v1/optimize", **asked).status_code for _ in range(2)] == [201, 200]


def test_the_bank_has_so_many_examples_and_no_more(open_with) -> None:
    client = open_with(owner_max_examples=2).client()
    many = [{"id": str(n), "input": str(n)} for n in range(3)]
    told = client.post("/v1/examples", json=many).json
    assert (told["upserted"], len(told["errors"])) == (0, 3)
    assert "may have 2" in told["errors"][0]["message"]
    assert client.post("/v1/examples", json=many[:2]).json["upserted"] == 2
    assert "may have 2" in refused(client.post("/v1/examples", json=many[2]), 403, "quota_exceeded")["message"]
    assert client.post("/v1/examples", json={"id": "1", "input": "replaced"}).status_code == 201
    client.delete("/v1/examples/0")
    assert client.post("/v1/examples", json=many[2]).status_code == 201


def test_jobs_and_bank_take_so_many_bytes_and_no_more(open_with) -> None:
    service = open_with(owner_max_stored_mb=1)
    client = service.client()
    large = [{"id": str(n), "input": "a" * 90_000} for n in range(10)]
    assert client.post("/v1/examples", json=large).json["upserted"] == 10
    assert client.post("/v1/examples", json=[{**each, "id": f"{each['id']}+"} for each in large]).json["upserted"] == 0
    job = {**SMALL_JOB, "examples": [{"input": "b" * 90_000}]}
    assert client.post("/v1/optimize", json=job).status_code == 201
    error = refused(client.post("/v1/optimize", json=job), 403, "quota_exceeded")
    assert "may take 1048576" in error["message"]
    assert len(client.get("/v1/optimize").json["items"]) == 1
    assert client.post("/v1/examples", json=[{**each, "input": "small again"} for each in large]).json["upserted"] == 10
    assert client.post("/v1/optimize", json=job).status_code == 201


def test_who_has_too_much_already_may_still_take_less(open_with) -> None:
    full = [{"id": str(n), "input": "a" * 50} for n in range(5)]
    open_with().client().post("/v1/examples", json=full)
    client = open_with(owner_max_examples=2).client()
    assert client.post("/v1/examples", json={"id": "1", "input": "less"}).status_code == 201
    assert client.delete("/v1/examples/2").status_code == 204


@pytest.mark.parametrize(("line", "made"), [("jobs=1", 1), ("jobs=0", 3), ("", 2)])
def test_a_line_of_the_file_says_it_for_its_name(open_with, tmp_path, line, made) -> None:
    write_private(tmp_path / "tokens", f"ada read,write {ADA} {line}", over=True)
    service = open_with(owner_max_jobs=2, api_tokens_file=str(tmp_path / "tokens"))
    answers = [service.client(ADA).post("/v1/optimize", json=SMALL_JOB).status_code for _ in range(3)]
    assert answers.count(201) == made
    assert json.dumps(answers).count("429") == 3 - made
