"""What one owner may have: jobs under way, examples, bytes; counted as it is written, and told in clear errors."""

import json
import re

import pytest

from gepa_next.store.endings import fail_job
from gepa_next.store.housekeeping import prune_jobs
from gepa_next.store.quotas import Quota, held_by
from gepa_next.tokens.private_file import write_private
from tests.api.answers import refused
from tests.support.service import OTHER_TOKEN, SMALL_JOB, TOKEN

ADA = "ada-0123456789-abcdef"
# What an owner makes grow: the columns whose bytes are counted; a row without such columns counts as ROW bytes.
OF_JOBS = {
    "jobs": ["spec", "result", "standing", "error_message"],
    "examples": ["id", "input", "ideal", "tags", "meta"],
    "events": ["data", "spending"],
    "candidates": ["text", "prompts", "reason"],
    "rollouts": ["output", "feedback", "error"],
    "lessons": ["text"],
    "calls": ["text", "error_message"],
}
OF_PINS = {"pin_versions": ["text", "prompts", "spec"], "pin_activations": [], "pin_retests": []}
OF_BANK = {"bank": ["id", "input", "ideal", "tags", "meta"]}
ROW = 100
# What is so short, or so few in a job, that the rest of the row or job stands for it.
BRIEF = re.compile(
    "(token_|job_|request_|comparison_|example_|judge_model_|model_|upto_)?id|(judge_fingerpri|content_ha|body_sha|request_sha).*"
    "|status|owner|stop_reason|error_code|judge_noise|key|type|parents|operator|decision|split|flags|question|role"
    "|finish_reason|name|scored_on|verdict|point|answer"
)


def counted(database, tables, owner) -> dict[str, int]:
    """Return how many bytes each job or owner has, looked up in all the rows."""
    found: dict[str, int] = {}
    for table, columns in tables.items():
        key = "id" if table == "jobs" else owner
        for row in database.rows(f"SELECT {', '.join([f'{key} AS whose', *columns])} FROM {table}"):  # noqa: S608 - constants
            size = sum(len((row[name] or "").encode()) for name in columns) if columns else ROW
            found[row["whose"]] = found.get(row["whose"], 0) + size
    return found


def kept(database, table="job_sizes", owner="job_id") -> dict[str, int]:
    rows = database.rows(f"SELECT {owner} AS whose, bytes FROM {table}")  # noqa: S608 - constants
    return {row["whose"]: row["bytes"] for row in rows}


def held(service, token=TOKEN) -> Quota:
    owner = service.parts.access.tokens._known[next(t.digest for t in service.settings.tokens())].owner
    return service.database.write(lambda db: held_by(db, owner))


def test_what_a_job_takes_is_what_all_its_rows_take(service) -> None:
    finished = service.finished_job(prompt="Addiere die zwei Zahlen: größer als Ä.")
    forked = service.client().post(f"/v1/optimize/{finished}/fork").json["job_id"]
    service.create()
    assert kept(service.database) == counted(service.database, OF_JOBS, "job_id")
    service.run(forked)
    assert kept(service.database) == counted(service.database, OF_JOBS, "job_id")


def test_no_text_that_an_owner_makes_grow_is_left_out(service) -> None:
    database, forgotten = service.database, []
    all_counted = OF_JOBS | OF_PINS | OF_BANK
    for table in database.rows("SELECT name FROM sqlite_schema WHERE type = 'table'"):
        columns = database.rows(f"SELECT name, type FROM pragma_table_info('{table['name']}')")  # noqa: S608 - of the schema
        if table["name"] == "jobs" or {"token_id", "job_id"} & {each["name"] for each in columns}:
            texts = {each["name"] for each in columns if each["type"] == "TEXT"} - {*all_counted.get(table["name"], [])}
            forgotten += [f"{table['name']}.{name}" for name in texts if not BRIEF.fullmatch(name)]
    assert forgotten == []


def test_what_failed_and_what_was_resumed_with_more_is_counted_too(service) -> None:
    job_id = service.create()
    service.begin(job_id)
    assert fail_job(service.database, job_id, epoch=0, now=5.0, code="provider_auth", message="größer")
    assert kept(service.database) == counted(service.database, OF_JOBS, "job_id")
    more = {"budget": {"max_calls": 123456}}
    assert service.client().post(f"/v1/optimize/{job_id}/resume", json=more).status_code == 202
    assert kept(service.database) == counted(service.database, OF_JOBS, "job_id")


def test_pinned_prompts_count_until_they_are_deleted(service) -> None:
    client = service.client()
    for job_id in (service.finished_job(prompt="Addiere: größer als Ä."), service.finished_job()):
        assert client.put("/v1/prompts/sums", json={"job_id": job_id}).status_code == 201
    client.post("/v1/examples", json={"id": "one", "input": "17 + 4", "ideal": "21"})
    assert client.post("/v1/prompts/sums/retest", json={"examples": {"ids": ["one"]}}).status_code == 201
    client.post("/v1/prompts/sums/rollback", json={"version": 1})
    found = kept(service.database, "pin_sizes", "token_id")
    assert found == counted(service.database, OF_PINS, "token_id")
    others = kept(service.database) | kept(service.database, "bank_sizes", "token_id")
    assert held(service).stored_bytes == sum(others.values()) + sum(found.values()) > sum(others.values()) + 1000
    client.delete("/v1/prompts/sums")
    assert list(kept(service.database, "pin_sizes", "token_id").values()) == [0]


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
    assert kept(service.database) == counted(service.database, OF_JOBS, "job_id")


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
    found = counted(service.database, OF_BANK, "token_id")
    assert (held(service).examples, held(service).stored_bytes) == (29, *found.values())


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
    assert "the bank has 0 of at most 2 examples, this adds 3;" in told["errors"][0]["message"]
    assert client.post("/v1/examples", json=many[:2]).json["upserted"] == 2
    error = refused(client.post("/v1/examples", json=many[2]), 403, "quota_exceeded")
    assert "the bank has 2 of at most 2 examples, this adds 1;" in error["message"]
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
    stored = held(service).stored_bytes
    assert f"{stored} of at most 1048576 bytes, {1048576 - stored} are left, this adds 90" in error["message"]
    assert len(client.get("/v1/optimize").json["items"]) == 1
    assert client.post("/v1/examples", json=[{**each, "input": "small again"} for each in large]).json["upserted"] == 10
    assert client.post("/v1/optimize", json=job).status_code == 201


def test_who_has_no_byte_left_pins_and_resumes_nothing_and_rolls_back_all_the_same(open_with) -> None:
    service = open_with()
    job_id, other, cancelled = service.finished_job(), service.finished_job(), service.create()
    client = service.client()
    client.delete(f"/v1/optimize/{cancelled}")
    for each in (other, job_id):
        client.put("/v1/prompts/sums", json={"job_id": each})
    client.post("/v1/examples", json=[{"id": str(n), "input": "a" * 90_000} for n in range(12)])
    client = open_with(owner_max_stored_mb=1).client()
    error = refused(client.put("/v1/prompts/other", json={"job_id": job_id}), 403, "quota_exceeded")
    assert "0 are left, this adds" in error["message"]
    page = client.post(f"/jobs/{job_id}/pin", data={"name": "other"}, headers={"Origin": "http://localhost"})
    assert (page.status_code, "0 are left" in page.text) == (403, True)
    assert "0 are left;" in refused(client.post(f"/v1/optimize/{cancelled}/resume"), 403, "quota_exceeded")["message"]
    assert client.post("/v1/prompts/sums/rollback", json={"version": 1}).status_code == 200
    assert [each["name"] for each in client.get("/v1/prompts").json["items"]] == ["sums"]


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
