"""What a visitor asks of a job by plain forms, and what the page says of its relations."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from gepa_next.tokens.private_file import write_private
from tests.support.service import EXAMPLES, OTHER_TOKEN, TOKEN, Service, open_service

HERE = {"Sec-Fetch-Site": "same-origin"}
WRITER, READER = "writer-0123456789-abcdef", "reader-0123456789-abcdef"


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Iterator[Service]:
    """A service with one finished job, for tests that leave it finished."""
    with closing(open_service(tmp_path_factory.mktemp("asking"))) as service:
        service.finished_job()
        yield service


@pytest.fixture(scope="module")
def job_id(done) -> str:
    return done.client().get("/v1/optimize?status=finished").json["items"][0]["job_id"]


def visitor(service, token=TOKEN):
    client = service.client(token=None)
    client.post("/login", data={"token": token}, headers=HERE)
    return client


def state(service, job_id):
    return service.client().get(f"/v1/optimize/{job_id}").json


def ask(service, job_id, what, **form):
    return visitor(service).post(f"/jobs/{job_id}/{what}", data=form, headers=HERE)


def text_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def relations(service, job_id) -> str:
    page = service.client().get(f"/jobs/{job_id}").text
    return text_of(re.search(r'<div id="relations">.*?</div>', page, re.DOTALL)[0]).replace(" ,", ",")


def test_a_job_is_stopped_and_cancelled(service) -> None:
    job_id = service.create()
    for what in ("stop", "cancel"):
        answer = ask(service, job_id, what)
        assert (answer.status_code, answer.location) == (303, f"/jobs/{job_id}")
    assert state(service, job_id)["status"] == "cancelled"


def test_a_job_is_resumed_with_the_limits_that_were_changed(service) -> None:
    job_id = service.finished_job(budget={"max_calls": 900, "max_seconds": 90})
    before = state(service, job_id)["budget"]
    form = {"iterations": "3", "budget.max_calls": "", "budget.max_tokens": "90000", "budget.max_seconds": "90",
            "budget.max_cost_usd": "", "budget.max_rollouts": str(before["max_rollouts"])}  # fmt: skip
    assert ask(service, job_id, "resume", **form).status_code == 303
    after = state(service, job_id)
    assert (after["status"], after["iterations"]) == ("queued", 3)
    changed = {name: value for name, value in after["budget"].items() if value != before[name]}
    assert changed.pop("max_rollouts") > before["max_rollouts"]
    assert changed == {"max_calls": None, "max_tokens": 90000}


@pytest.mark.parametrize(
    ("what", "form", "said"),
    [
        ("stop", {}, "the job is finished"),
        ("cancel", {}, "the job is finished"),
        ("resume", {"iterations": "1"}, "nothing is left to do"),
        ("resume", {"iterations": "x"}, "Iterations: must be a whole number"),
        ("pin", {"name": ""}, "name: 1 to 64"),
        ("pin", {"name": "a", "candidate_id": "99"}, "the job has no such candidate"),
    ],
)
def test_what_is_refused_is_said_on_the_page_of_the_job(done, job_id, what, form, said) -> None:
    answer = ask(done, job_id, what, **form)
    assert answer.status_code in {409, 422}
    assert said in re.search(r'<p id="problem"[^>]*>(.*?)</p>', answer.text)[1]
    assert state(done, job_id)["status"] == "finished"


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("iterations", "Ended: all iterations done. Raise Iterations, or nothing is left to do."),
        ("max_cost_usd", "Ended: limit of cost reached. Raise USD, or nothing is left to do."),
        ("patience", "Ended: patience used up. None of these limits makes it go on."),
        ("stopped", ""),
        ("cancelled", ""),
        (None, ""),
    ],
)
def test_the_form_to_resume_says_which_limit_is_to_be_raised(service, reason, said) -> None:
    job_id = service.create()
    service.database.write(lambda db: db.execute("UPDATE jobs SET stop_reason = ?", (reason,)))
    assert f'<p id="need" class="notice">{said}</p>' in service.client().get(f"/jobs/{job_id}").text


@pytest.mark.parametrize(("reason", "limit"), [("iterations", {}), ("max_calls", {"max_calls": 20})])
def test_what_the_form_to_resume_asks_for_is_what_a_refusal_does(service, reason, limit) -> None:
    job_id = service.finished_job(iterations=1 if reason == "iterations" else 50, budget=limit, seed=1)
    assert state(service, job_id)["stop_reason"] == reason
    form = service.client().get(f"/jobs/{job_id}").text
    assert f"Raise {reason.removeprefix('max_').capitalize()}, or nothing is left to do." in form
    assert f"nothing is left to do: {reason}; raise " in text_of(ask(service, job_id, "resume").text)


@pytest.mark.parametrize("what", ["stop", "cancel", "resume", "pin"])
def test_neither_another_site_nor_another_token_asks_anything(done, job_id, what) -> None:
    path = f"/jobs/{job_id}/{what}"
    assert visitor(done).post(path, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert visitor(done).post(path).status_code == 403
    assert visitor(done, OTHER_TOKEN).post(path, data={"name": "a"}, headers=HERE).status_code == 404
    assert done.client(token=None).post(path, headers=HERE).location == "/login"


def test_a_token_that_may_only_read_is_offered_nothing(open_with, tmp_path) -> None:
    write_private(tmp_path / "tokens", f"ada read,write {WRITER}\nada read {READER}\n", over=True)
    service = open_with(api_tokens_file=str(tmp_path / "tokens"))
    job_id = service.create(token=WRITER)
    assert f'action="/jobs/{job_id}/cancel"' in visitor(service, WRITER).get(f"/jobs/{job_id}").text
    reader = visitor(service, READER)
    page = reader.get(f"/jobs/{job_id}")
    assert page.status_code == 200
    assert f'action="/jobs/{job_id}/' not in page.text
    assert reader.post(f"/jobs/{job_id}/cancel", headers=HERE).status_code == 403


def test_a_pinned_candidate_is_named_with_its_version(service) -> None:
    first, second = service.finished_job(), service.finished_job()
    for each in (first, second):
        assert ask(service, each, "pin", name="triage", candidate_id="0").status_code == 303
    assert "Candidate 0 is pinned as triage version 1, no longer the active one" in relations(service, first)
    assert "Candidate 0 is pinned as triage version 2, the active one" in relations(service, second)
    link = re.search(r'href="(/v1/prompts/[^"]+)">version 1<', service.client().get(f"/jobs/{first}").text)[1]
    assert service.client().get(link, headers={"Accept": "application/json"}).json["job_id"] == first


def test_a_fork_and_what_it_is_made_from_lead_to_each_other(service) -> None:
    parent = service.finished_job()
    child = service.client().post(f"/v1/optimize/{parent}/fork", json={"candidate_id": 0}).json["job_id"]
    assert f"Fork of {parent} from candidate 0" in relations(service, child)
    assert f"Forked into {child}" in relations(service, parent)
    assert f'href="/jobs/{parent}"' in service.client().get(f"/jobs/{child}").text


def test_a_job_whose_origin_is_deleted_says_so(service) -> None:
    parent = service.finished_job()
    child = service.client().post(f"/v1/optimize/{parent}/fork", json={}).json["job_id"]
    service.database.write(lambda db: db.execute("DELETE FROM jobs WHERE id = ?", (parent,)))
    assert f"{parent}, which is deleted," in relations(service, child)
    assert f'href="/jobs/{parent}"' not in service.client().get(f"/jobs/{child}").text


def test_a_comparison_is_cancelled_on_its_page(service) -> None:
    asked = {"prompt": "Add.", "examples": EXAMPLES, "target_model_ids": ["sim/a", "sim/b"]}
    made = service.client().post("/v1/comparisons", json=asked).json["comparison_id"]
    ada = visitor(service)
    assert f'action="/comparisons/{made}/cancel"' in ada.get(f"/comparisons/{made}").text
    assert ada.post(f"/comparisons/{made}/cancel", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert ada.post(f"/comparisons/{made}/cancel", headers=HERE).location == f"/comparisons/{made}"
    assert service.client().get(f"/v1/comparisons/{made}").json["status"] == "cancelled"
    assert 'popovertarget="sure">Cancel' not in ada.get(f"/comparisons/{made}").text
    assert visitor(service, OTHER_TOKEN).post(f"/comparisons/{made}/cancel", headers=HERE).status_code == 404


def test_the_table_of_a_comparison_says_which_champion_is_better(service) -> None:
    examples = [{"id": f"e{n}", "input": f"{n} + {n}", "ideal": str(2 * n)} for n in range(1, 31)]
    asked = {"prompt": "Add.", "examples": examples, "iterations": 1, "population": 1, "minibatch": 1, "seed": 1}
    client = service.client()
    made = client.post("/v1/comparisons", json={**asked, "target_model_ids": ["sim/a", "sim/b"]}).json
    path = f"/comparisons/{made['comparison_id']}"
    assert "It is told once all of them have ended" in client.get(path).text
    for each in made["targets"]:
        service.run(each["job_id"])
    page, found = client.get(path).text, client.get(f"/v1{path}").json
    (difference,) = found["differences"]
    assert f"sim/a against sim/b {difference['verdict'].replace('_', ' ')}" in text_of(page)
    for each in found["targets"]:
        assert f'href="/jobs/{each["job_id"]}"' in page
        assert "One of 2 models of a comparison" in relations(service, each["job_id"])
    assert "Simulated." in page
    assert service.client(OTHER_TOKEN).get(path).status_code == 404
