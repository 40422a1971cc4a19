"""Pages as the server makes them: who sees them, what they are sent with, and that they show the state as text."""

import base64
import gzip
import json
import re
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

import pytest

from gepa_next.api.words import STOP_REASONS, many, plain, score
from gepa_next.web.assets import FILES, url_of
from tests.support.service import OTHER_TOKEN, TOKEN, Service, open_service

DEMO = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
HERE = {"Sec-Fetch-Site": "same-origin"}
SCRIPT = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
SPLITS = {"train": 0, "validation": 1, "test": 2}
API_DOC = Path(__file__).parents[2] / "docs" / "API.md"
LARGEST_PAGE = 150_000


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Iterator[Service]:
    """A service with one finished job whose texts are markup, for tests that only read."""
    with closing(open_service(tmp_path_factory.mktemp("pages"))) as service:
        examples = [{"id": f"e{n}", "input": f"{n} {SCRIPT}", "ideal": f"{n}"} for n in range(1, 7)]
        service.finished_job(prompt=f"Answer. {SCRIPT}", examples=examples, rubric=SCRIPT)
        yield service


@pytest.fixture(scope="module")
def job_id(done) -> str:
    return done.client().get("/v1/optimize").json["items"][0]["job_id"]


def log_in(service, token=TOKEN, *, headers=None, where="/"):
    client = service.client(token=None)
    answer = client.post("/login", data={"token": token, "next": where}, headers=HERE if headers is None else headers)
    return client, answer


@pytest.fixture
def visitor(done):
    return log_in(done)[0]


def paths(job_id):
    return ["/", "/new", f"/jobs/{job_id}", f"/jobs/{job_id}/fork"]


def test_whoever_is_not_logged_in_is_sent_to_log_in_and_back(done, job_id) -> None:
    for path in paths(job_id):
        answer = done.client(token=None).get(path)
        assert answer.status_code == 303
        assert answer.location == ("/login" if path == "/" else f"/login?next={path.replace('/', '%2F')}")
    _, answer = log_in(done, where=f"/jobs/{job_id}")
    assert (answer.status_code, answer.location) == (303, f"/jobs/{job_id}")


def test_the_cookie_is_kept_from_scripts_and_other_sites_and_is_not_the_token(done) -> None:
    _, answer = log_in(done)
    cookie = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert TOKEN not in cookie
    assert "Secure" not in cookie


def test_over_tls_the_cookie_stays_there(done) -> None:
    answer = done.client(token=None).post("/login", data={"token": TOKEN}, headers=HERE, base_url="https://a.example")
    assert "Secure" in answer.headers["Set-Cookie"]


def test_a_visitor_sees_the_jobs_of_the_token_and_no_others(done, visitor, job_id) -> None:
    assert job_id in visitor.get("/").text
    stranger, _ = log_in(done, OTHER_TOKEN)
    assert job_id not in stranger.get("/").text
    for path in (
        f"/jobs/{job_id}",
        f"/jobs/{job_id}/history",
        f"/jobs/{job_id}/scores",
        f"/jobs/{job_id}/case/0/e1",
        f"/jobs/{job_id}/ancestry/0",
    ):
        assert stranger.get(path).status_code == 404


def test_a_token_in_a_header_opens_pages_too(done, job_id) -> None:
    assert done.client().get(f"/jobs/{job_id}").status_code == 200


def test_a_wrong_token_is_told_so_and_gets_no_cookie(open_with) -> None:
    _, answer = log_in(open_with(), "nobody")
    assert answer.status_code == 401
    assert "none of the server" in answer.text
    assert "Set-Cookie" not in answer.headers


def test_guessing_tokens_is_slowed_down(open_with) -> None:
    service = open_with()
    statuses = [log_in(service, f"guess-{n}")[1].status_code for n in range(32)]
    assert statuses[:30] == [401] * 30
    assert statuses[-1] == 429


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_another_site_logs_nobody_in_or_out(done, headers, path) -> None:
    answer = done.client(token=None).post(path, data={"token": TOKEN}, headers=headers)
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "where", ["https://evil.example", "//evil.example", "/\\evil.example", "", "x", "/a b", "/\n/b"]
)
def test_logging_in_leads_to_no_other_server(done, where) -> None:
    assert log_in(done, where=where)[1].location == "/"


def test_logging_out_forgets_the_session(visitor) -> None:
    answer = visitor.post("/logout", headers=HERE)
    assert (answer.status_code, answer.location) == (303, "/login")
    assert visitor.get("/").status_code == 303


def test_a_session_ends_with_its_token(open_with) -> None:
    client, _ = log_in(open_with())
    cookie = client.get_cookie("gepa_next_session").value
    other = open_with(api_bearer_tokens=[OTHER_TOKEN]).client(token=None)
    other.set_cookie("gepa_next_session", cookie)
    assert other.get("/").status_code == 303


def test_a_server_without_authentication_asks_for_nothing(open_with) -> None:
    client = open_with(require_auth=False, api_bearer_tokens=[]).client(token=None)
    assert client.get("/").status_code == 200
    assert client.get("/login").location == "/"
    assert "Log out" not in client.get("/").text


def test_every_page_lets_nothing_run_that_is_not_ours(done, visitor, job_id) -> None:
    answers = [visitor.get(path) for path in [*paths(job_id), "/jobs/none"]] + [done.client(token=None).get("/login")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'self';")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<[^>]*(\son\w+=|\sstyle=|javascript:|(src|href)=\"(?!/|#))", answer.text)


def test_the_policy_lets_in_the_stylesheet_of_the_page_by_its_hash(visitor) -> None:
    answer = visitor.get("/")
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)[1]
    wanted = base64.b64encode(sha256(style.encode()).digest()).decode()
    assert f"'sha256-{wanted}'" in answer.headers["Content-Security-Policy"]


def test_texts_of_a_job_are_never_markup(visitor, job_id) -> None:
    for path in paths(job_id):
        text = visitor.get(path).text
        assert "<script>alert" not in text
        assert "<img" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in visitor.get(f"/jobs/{job_id}").text


def test_a_page_shows_the_state_without_its_scripts(done, visitor, job_id) -> None:
    text = re.sub(r"<(script|style).*?</\1>", "", visitor.get(f"/jobs/{job_id}").text, flags=re.DOTALL)
    state = done.client().get(f"/v1/optimize/{job_id}").json
    result = state["result"]
    shown = [state["status"], score(result["score"]), score(result["seed_score"]), f"{state['iteration']} / 1"]
    assert [each for each in shown if each not in text] == []
    assert state["result"]["verdict"] in text
    assert state["result"]["says"] in text
    assert "Answer. &lt;/script&gt;" in text
    assert "<b>iteration</b>" in text


def test_without_scripts_a_page_words_what_was_compared_as_with_them(open_with) -> None:
    service = open_with(require_auth=False, secret_key="s" * 32)
    job_id = service.finished_job(**{**DEMO, "iterations": 1})
    result = service.client().get(f"/v1/optimize/{job_id}").json["result"]
    said = service.client().get(f"/jobs/{job_id}").text
    test, listed = result["test"], re.sub(r"\s+", " ", service.client().get("/").text)
    held_out = f"on {test['n']} held-out examples"
    assert f'data-label="Seed">{score(test["seed_score"])}</td>' in listed
    assert re.search(rf">{score(test['score'])}(</strong>)?<small>{held_out}</small></td>", listed)
    counted = f"{many(result['test']['wins'], 'win')}, {many(result['test']['losses'], 'loss', 'losses')})"
    assert f"<b>{plain(result['verdict'])}</b>" in said
    assert f"on {many(result['test']['n'], 'held-out example')} (difference " in said
    assert counted in said
    assert [many(1, "loss", "losses"), many(2000, "win"), plain("no_gain")] == ["1 loss", "2,000 wins", "no gain"]


def test_a_failed_job_says_why(open_with) -> None:
    service = open_with()
    job_id = service.finished_job(budget={"max_tokens": 1})
    assert "budget_too_small" in service.client().get(f"/jobs/{job_id}").text


def test_simulated_runs_say_so_on_every_page(visitor, job_id) -> None:
    for path in paths(job_id):
        assert "Simulated." in visitor.get(path).text


def test_the_list_shows_verdicts_and_only_what_improved_in_bold(done, visitor, job_id) -> None:
    result = done.client().get(f"/v1/optimize/{job_id}").json["result"]
    text = visitor.get("/").text
    assert f'<span class="verdict">{result["verdict"].replace("_", " ")}</span>' in text
    assert ("<strong>" in text.partition("<tbody>")[2]) == (result["verdict"] == "improved")


def test_the_list_and_the_report_say_in_words_why_a_job_ended(done, visitor, job_id) -> None:
    assert "</span>, the seed prompt stays · all iterations done</small>" in visitor.get("/").text
    assert "finished (all iterations done) at " in visitor.get(f"/v1/optimize/{job_id}/artifacts/report.html").text


def test_every_reason_to_end_that_is_documented_has_words() -> None:
    documented = re.search(r"\| `stop_reason` \| null until the end; (.*) \|", API_DOC.read_text(encoding="utf-8"))[1]
    wordless = {"cancelled", "error"}  # as the status has it
    assert set(re.findall(r"`(\w+)`", documented)) - wordless == set(STOP_REASONS)


def test_the_list_shows_one_status_and_pages(open_with) -> None:
    service = open_with()
    client = service.client()
    ids = [service.create() for _ in range(51)]
    client.delete(f"/v1/optimize/{ids[0]}")
    first = client.get("/").text
    assert (ids[-1] in first, ids[0] in first) == (True, False)
    older = re.search(r'href="(/\?cursor=[^"]+)"', first)[1]
    assert ids[0] in client.get(older).text
    cancelled = client.get("/?status=cancelled").text
    assert [each for each in ids if each in cancelled] == [ids[0]]
    for query in ("cursor=x", "status=bad"):
        answer = client.get(f"/?{query}")
        assert (answer.status_code, answer.mimetype) == (422, "text/html")
        assert f"<p>{query.partition('=')[0]}: " in answer.text


@pytest.mark.parametrize("path", ["/jobs/none", "/jobs/none/scores", "/static/x/none.js", "/static/x/..%2fpages.py"])
def test_what_is_not_there_is_404(visitor, path) -> None:
    assert visitor.get(path).status_code == 404


def test_a_job_that_is_gone_is_said_in_words(visitor) -> None:
    answer = visitor.get("/jobs/none")
    assert answer.content_type.startswith("text/html")
    assert "There is no such job" in answer.text


@pytest.mark.parametrize("path", ["/nothing", "/jobs/none/none", "/v1"])
def test_a_browser_reads_of_an_unknown_address_on_a_page(done, path) -> None:
    answer = done.client(token=None).get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "There is nothing at this address" in answer.text
    assert "URL" not in answer.text


@pytest.mark.parametrize(("path", "accept"), [("/nothing", "*/*"), ("/v1/nothing", "text/html")])
def test_a_program_and_the_api_get_errors_as_json(done, path, accept) -> None:
    answer = done.client(token=None).get(path, headers={"Accept": accept})
    assert (answer.status_code, answer.json["error"]["code"]) == (404, "not_found")


def test_a_page_of_an_error_names_the_methods_that_there_are(done) -> None:
    answer = done.client(token=None).get("/logout", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.mimetype) == (405, "text/html")
    assert "POST" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/jobs", "/jobs/"])
def test_the_address_before_that_of_a_job_leads_to_the_list(visitor, path) -> None:
    answer = visitor.get(path)
    assert (answer.status_code, answer.location) == (302, "/")


def test_static_files_are_kept_for_ever_under_the_name_of_what_is_in_them(done) -> None:
    client = done.client(token=None)
    answer = client.get(url_of("job.js"))
    assert "immutable" in answer.headers["Cache-Control"]
    assert client.get(url_of("job.js"), headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304
    assert client.get("/static/older/job.js").headers["Cache-Control"] == "no-cache"


def test_a_page_and_all_it_loads_are_small(visitor, job_id) -> None:
    text = visitor.get(f"/jobs/{job_id}").text
    loaded = set(re.findall(r'(?:href|src)="(/static/[^"]+)"', text))
    assert {f"/{name}" for name in FILES if name.endswith(".js")} >= {
        path[path.rindex("/") :] for path in loaded if path.endswith(".js")
    }
    sizes = [len(visitor.get(path).data) for path in loaded]
    assert sum(sizes) + len(text.encode()) < LARGEST_PAGE


def test_the_scores_are_all_of_them_and_after_an_event_the_rest(visitor, job_id) -> None:
    every = visitor.get(f"/jobs/{job_id}/scores").json
    rollouts = visitor.get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text.splitlines()
    assert cells(every) == sorted(map(cell, map(json.loads, rollouts)))
    assert [head[0] for head in every["examples"]] == [f"e{n}" for n in range(1, 7)]
    later = visitor.get(f"/jobs/{job_id}/scores?after=4").json
    assert later["examples"] == []
    assert later["outcomes"] == every["outcomes"][-len(later["outcomes"]) :]
    assert 0 < len(later["outcomes"]) < len(every["outcomes"])
    assert visitor.get(f"/jobs/{job_id}/scores?after={every['upto']}").json["outcomes"] == []


def cells(scores):
    """Return candidate, split, place and ten thousandths of each rollout."""
    return sorted(
        (candidate, split, *each)
        for candidate, split, places, points in scores["outcomes"]
        for each in zip(places, points, strict=True)
    )


def cell(rollout):
    points = -1 if rollout["score"] is None else round(10_000 * rollout["score"])
    return rollout["candidate_id"], SPLITS[rollout["split"]], int(rollout["example_id"][1:]) - 1, points


def test_the_history_is_the_events_of_the_stream_and_says_if_there_will_be_more(visitor, job_id) -> None:
    lines = visitor.get(f"/v1/optimize/{job_id}/artifacts/events.jsonl").text.splitlines()
    wanted = [[each["id"], each["type"], each["ts"], each["data"]] for each in map(json.loads, lines)]
    assert visitor.get(f"/jobs/{job_id}/history").json == {"events": wanted, "ended": True}
    assert visitor.get(f"/jobs/{job_id}/history?after=3").json == {"events": wanted[3:], "ended": True}
    assert visitor.get(f"/jobs/{job_id}/history?after={len(wanted)}").json == {"events": [], "ended": True}
    assert visitor.get(f"/jobs/{job_id}/history?after=x").status_code == 422


def test_the_history_of_a_job_at_work_does_not_end_it(open_with) -> None:
    service = open_with()
    job_id = service.create()
    service.begin(job_id)
    found = service.client().get(f"/jobs/{job_id}/history").json
    assert ([each[1] for each in found["events"]], found["ended"]) == (["started"], False)


def test_an_event_that_cannot_be_read_does_not_keep_the_earlier_ones_back(open_with) -> None:
    service = open_with()
    job_id = service.finished_job()
    spoil = "UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE job_id = ? AND id = 101"
    service.tell(job_id, 100)
    service.database.write(lambda db: db.execute(spoil, (job_id,)))
    found = service.client().get(f"/jobs/{job_id}/history").json
    assert ([each[0] for each in found["events"]], found["ended"]) == (list(range(1, 101)), False)


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/history", "/jobs/{}/scores", "/jobs/{}/ancestry/1", "static"])
def test_what_a_page_loads_is_compressed_for_who_takes_that(visitor, job_id, path) -> None:
    url = url_of("style.css") if path == "static" else path.format(job_id)
    plain, smaller = visitor.get(url), visitor.get(url, headers={"Accept-Encoding": "gzip, br"})
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert "Content-Encoding" not in plain.headers
    assert smaller.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(smaller.data) == plain.data
    assert len(smaller.data) < len(plain.data)
    assert plain.headers.get("ETag") != smaller.headers.get("ETag") or path != "static"
    refused = visitor.get(url, headers={"Accept-Encoding": "gzip;q=0"})
    assert refused.data == plain.data


def test_a_case_has_the_example_and_what_both_prompts_made_of_it(visitor, job_id) -> None:
    candidate, _, place, points = cells(visitor.get(f"/jobs/{job_id}/scores").json)[-1]
    case = visitor.get(f"/jobs/{job_id}/case/{candidate}/e{place + 1}").json
    assert case["example"] == {
        "id": f"e{place + 1}",
        "input": f"{place + 1} {SCRIPT}",
        "ideal": f"{place + 1}",
        "tags": [],
    }
    last = case["rollouts"][-1]
    assert (last["candidate_id"], round(10_000 * last["score"])) == (candidate, points)
    assert {"output", "feedback", "error", "flags", "split"} <= set(last)


@pytest.mark.parametrize(
    "rest", ["case/0/none", "case/x/e1", "case/-1/e1", "case/99999999999/e1", "ancestry/99", "ancestry/²"]
)
def test_a_case_or_candidate_that_is_not_there_is_404(visitor, job_id, rest) -> None:
    assert visitor.get(f"/jobs/{job_id}/{rest}").status_code == 404


def test_the_ancestry_leads_to_the_seed_prompt(visitor, job_id) -> None:
    items = visitor.get(f"/jobs/{job_id}/ancestry/1").json["items"]
    assert [each["id"] for each in items] == [1, 0]
    assert items[0]["parent_ids"] == [0]
    assert items[1]["text"] == f"Answer. {SCRIPT}"
