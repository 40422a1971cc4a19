"""The report of a job: everything that a reader needs in one file, of every job there can be."""

import base64
import json
import re
import sqlite3
from contextlib import closing
from hashlib import sha256
from html.parser import HTMLParser
from importlib.resources import files

import pytest

from gepa_next.api.evidence.artifacts import Artifacts
from gepa_next.api.evidence.report.candidates import SHOWN_CANDIDATES
from gepa_next.api.evidence.report.cases import SHOWN_CASES
from gepa_next.api.words import many
from gepa_next.store.evidence import list_lessons
from gepa_next.store.jobs import get_job
from tests.support.hostile import HOSTILE, PAYLOADS
from tests.support.programs import PROMPTS, served_program
from tests.support.service import open_service

DEMO = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
OURS = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "article", "footer"}
OURS |= {"h1", "h2", "h3", "h4", "p", "pre", "div", "ol", "li", "dl", "dt", "dd", "span", "small", "strong", "code"}
OURS |= {"ins", "del", "table", "thead", "tbody", "tr", "th", "td", "svg", "path", "circle", "text"}
HARMLESS = {
    "class",
    "id",
    "lang",
    "charset",
    "name",
    "content",
    "http-equiv",
    "role",
    "aria-label",
    "aria-labelledby",
    "tabindex",
}
DRAWN = {"d", "cx", "cy", "r", "x", "y", "viewbox", "text-anchor"}


class Read(HTMLParser):
    """What a browser would make of a file: its elements, their attributes, and the text that is not style."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.said: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        self.text = " ".join("".join(self.words).split())

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data) -> None:
        if self.lasttag != "style":
            self.said.append(data)
            self.words.append(data)

    def handle_endtag(self, tag) -> None:
        self.words.append("" if tag in {"code", "strong", "span", "ins", "del"} else " ")


def fetch(service, job_id, name="report.html"):
    return service.client().get(f"/v1/optimize/{job_id}/artifacts/{name}")


def read(service, job_id) -> Read:
    return Read(fetch(service, job_id).text)


@pytest.fixture(scope="module")
def shop(tmp_path_factory, no_settings_from_outside):
    """A service with a job that improves on its held-out examples; for tests that only read."""
    with closing(open_service(tmp_path_factory.mktemp("report"))) as service:
        service.finished_job(**{**DEMO, "iterations": 5, "population": 3})
        yield service


@pytest.fixture(scope="module")
def job_id(shop) -> str:
    return shop.client().get("/v1/optimize").json["items"][0]["job_id"]


def test_a_report_begins_with_what_the_job_found(shop, job_id) -> None:
    result = shop.client().get(f"/v1/optimize/{job_id}").json["result"]
    text, test = read(shop, job_id).text, result["test"]
    low, high = (f"{each:+.2f}" for each in test["interval"])
    assert f"{result['verdict'].capitalize()}. {result['says']}" in text
    assert f"a paired difference of {test['difference']:+.2f}, 95 % interval {low} to {high}" in text
    assert f", on {many(test['n'], 'held-out example')}: " in text
    assert f"{many(test['wins'], 'win')}, {many(test['losses'], 'loss', 'losses')}, " in text


def test_a_report_holds_the_prompt_and_marks_what_was_added_to_the_seed_prompt(shop, job_id) -> None:
    html = fetch(shop, job_id).text
    prompt = fetch(shop, job_id, "prompt.txt").text
    assert "".join(prompt.split()) in "".join(Read(html).text.split())
    assert "<ins>" in html


def test_a_report_shows_every_held_out_example_with_both_outputs_and_what_the_judge_said(shop, job_id) -> None:
    text = read(shop, job_id).text
    result = shop.client().get(f"/v1/optimize/{job_id}").json["result"]
    rollouts = [json.loads(line) for line in fetch(shop, job_id, "rollouts.jsonl").text.splitlines()]
    shown = [each for each in rollouts if each["split"] == "test"]
    assert len(shown) == 2 * result["test"]["n"]
    for each in shown:
        for said in (each["example_id"], each["output"], each["feedback"]):
            assert " ".join(said.split()) in text
    assert ("Lower on:" in text) == bool(result["test"]["lost"])


def test_lost_examples_are_named_and_come_first(service) -> None:
    lost_id = service.finished_job(**{**DEMO, "iterations": 2, "population": 2})
    test_ids = fetch(service, lost_id, "receipt.json").json["splits"]["test"]["ids"]
    worst = test_ids[-1]

    def unit(db: sqlite3.Connection) -> None:
        db.execute("UPDATE rollouts SET score = candidate_id = 0 WHERE example_id = ? AND split = 'test'", (worst,))

    service.database.write(unit)
    html = fetch(service, lost_id).text
    assert f"<code>{worst}</code>" in html[html.index("Lower on:") :].split("</p>")[0]
    assert html.index('<article class="case lost">') < html.index('<article class="case won">')


def test_a_report_tells_of_every_candidate_what_became_of_it(shop, job_id) -> None:
    html = fetch(shop, job_id).text
    items = shop.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]
    repeats = [each for each in items if each["reason"] == "duplicate"]
    assert html.count("refused: duplicate</td>") == bool(repeats)
    for each in items:
        if each in repeats:
            continue
        said = f"{each['decision']}: {each['reason'].replace('_', ' ')}" if each["reason"] else each["decision"]
        row = re.search(f'<tr[^>]*><td class="number">{each["id"]}</td>.*</tr>', html)
        assert said in row[0]


def test_a_report_has_one_line_for_all_proposals_that_were_made_before(service) -> None:
    job_id = service.finished_job()

    def unit(db: sqlite3.Connection) -> None:
        db.executemany(
            "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision,"
            " reason, compared) VALUES (?, ?, 1, 1, 'x', '{}', '[0]', 'reflect', 'refused', ?, 0)",
            [(job_id, 500 + n, "duplicate" if n else "empty") for n in range(30)],
        )

    service.database.write(unit)
    html = fetch(service, job_id).text
    made_before = len(re.findall(r'"reason": ?"duplicate"', fetch(service, job_id, "candidates.jsonl").text))
    assert html.count("refused: duplicate</td>") == 1
    assert f'<td class="number">{made_before} others</td>' in html
    assert '<td class="number">500</td>' in html
    assert '<td class="number">501</td>' not in html


def test_what_was_best_stands_on_the_line_of_its_iteration(shop, job_id) -> None:
    html = fetch(shop, job_id).text
    line = re.search(r'<path class="best" d="([^"]+)"', html)[1]
    corners = {float(each) for each in re.findall(r"[HM]([0-9.]+)", line)}
    tick_x = {float(each) for each in re.findall(r'<text x="([0-9.]+)" y="268" text-anchor="middle">', html)}
    champion = float(re.search(r'<circle class="dot accepted champion" cx="([0-9.]+)"', html)[1])
    dots = [float(each) for each in re.findall(r'<circle class="dot \w+(?: champion)?" cx="([0-9.]+)"', html)]
    assert champion in corners & tick_x
    assert [each for each in dots if each > max(tick_x)] == []


def test_a_report_draws_the_candidates_that_were_kept(shop, job_id) -> None:
    items = shop.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]
    kept = [each["id"] for each in items if each["decision"] in {"seed", "accepted"}]
    drawing = re.search(r'<svg[^>]*aria-label="Family tree of (\d+) .*?</svg>', fetch(shop, job_id).text, re.DOTALL)
    assert int(drawing[1]) == len(kept) > 1
    assert sorted(int(each) for each in re.findall(r"<title>Candidate (\d+):", drawing[0])) == kept
    assert drawing[0].count(", the best</text>") == 1


def test_a_report_holds_lessons_cost_split_judge_and_warnings(shop, job_id) -> None:
    text = read(shop, job_id).text
    state = shop.client().get(f"/v1/optimize/{job_id}").json
    lessons = list_lessons(shop.database, job_id)
    assert lessons
    for each in lessons:
        assert f"{each.text} candidate {each.candidate_id}, iteration {each.iteration}" in text
    for said in ("20 to reflect on, 20 to select by, 20 held out", state["judge"]["fingerprint"], "standard deviation"):
        assert said in text
    for role, usage in state["usage"]["by_role"].items():
        assert f"{role} (simulated) {usage['calls']:,} {usage['input_tokens']:,} {usage['output_tokens']:,}" in text
    assert all(each["message"] in text for each in state["warnings"])


def test_a_report_states_the_hash_of_its_receipt(shop, job_id) -> None:
    receipt = fetch(shop, job_id, "receipt.json").data
    assert f"{sha256(receipt).hexdigest()}  receipt.json" in fetch(shop, job_id).text


def test_a_report_is_the_same_bytes_whoever_makes_it_and_the_index_says_which(shop, job_id) -> None:
    job = get_job(shop.database, job_id)
    made = b"".join(Artifacts().chunks(shop.database, job, "report.html"))
    assert made == fetch(shop, job_id).data == fetch(shop, job_id).data
    (item,) = [
        each
        for each in shop.client().get(f"/v1/optimize/{job_id}/artifacts").json["items"]
        if each["name"] == "report.html"
    ]
    assert (item["bytes"], item["sha256"]) == (len(made), sha256(made).hexdigest())


def test_a_report_may_do_nothing_but_look_like_itself(shop, job_id) -> None:
    answer = fetch(shop, job_id)
    style = answer.text.split("<style>")[1].split("</style>")[0]
    allowed = base64.b64encode(sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'"
    assert answer.headers["Content-Security-Policy"] == f"{policy}; frame-ancestors 'none'"
    assert f'content="{policy}"'.replace("'", "&#39;") in answer.text
    found = Read(answer.text)
    assert set(found.elements) <= OURS
    assert found.attributes <= HARMLESS | DRAWN


def test_hostile_texts_are_texts(service) -> None:
    examples = [{"id": f"e{n}", "input": f"{n} {HOSTILE}", "ideal": PAYLOADS[n]} for n in range(24)]
    job_id = service.finished_job(
        prompt=HOSTILE, examples=examples, rubric=HOSTILE, metadata={HOSTILE: [HOSTILE]}, iterations=2, population=2
    )
    html = fetch(service, job_id).text
    found = Read(html)
    assert set(found.elements) <= OURS
    assert found.attributes <= HARMLESS | DRAWN
    assert found.elements.count("style") == 1
    assert HOSTILE in "".join(found.said)
    assert html.count("<meta") == 3


def test_a_program_is_shown_component_by_component(open_with) -> None:
    with served_program() as program:
        service = open_with(**program.settings)
        job_id = service.finished_job(**program.job(iterations=3))
    text, prompts = read(service, job_id).text, get_job(service.database, job_id).best_prompts
    assert set(prompts) == set(PROMPTS)
    assert prompts != PROMPTS
    for name, prompt in prompts.items():
        assert f"Component {name} {' '.join(prompt.split())}" in text
    assert "The built-in simulator answered for reflector:" in text
    assert "fingerprint" not in text


@pytest.mark.parametrize(
    "metric", ["contains", [{"name": "contains", "weight": 0.5}, {"name": "judge", "weight": 0.5}]]
)
def test_a_report_says_what_scored(service, metric) -> None:
    text = read(service, service.finished_job(metric=metric)).text
    assert f"Scored by {metric if isinstance(metric, str) else json.dumps(metric)}" in text
    assert ("Judge's fingerprint" in text) == ("judge" in json.dumps(metric))


def test_a_job_without_a_result_says_what_there_is(service, client) -> None:
    job_id = service.create()
    assert "Queued. There is no result" in read(service, job_id).text
    client.delete(f"/v1/optimize/{job_id}")
    assert "Cancelled. There is no result" in read(service, job_id).text
    service.database.write(
        lambda db: db.execute(
            "UPDATE jobs SET status = 'failed', error_code = 'provider_auth', error_message = ? WHERE id = ?",
            ("no <such> key", job_id),
        )
    )
    text = read(service, job_id).text
    assert "Failed: provider_auth. no <such> key" in text
    assert "The best prompt so far Add the two numbers." in text


def test_a_job_that_is_cancelled_on_its_way_shows_how_far_it_came(service, client) -> None:
    job_id = service.finished_job(iterations=2)
    service.database.write(
        lambda db: db.execute("UPDATE jobs SET status = 'cancelled', result = NULL WHERE id = ?", (job_id,))
    )
    text = read(service, job_id).text
    assert "Cancelled." in text
    assert "Candidates Id From" in text


def test_a_seed_prompt_that_stays_is_shown_beside_the_best_candidate(service) -> None:
    job_id = service.finished_job(**{**DEMO, "iterations": 2, "population": 2})

    def unit(db: sqlite3.Connection) -> None:
        row = db.execute("SELECT result FROM jobs WHERE id = ?", (job_id,)).fetchone()
        result = {**json.loads(row["result"]), "candidate_id": 0, "prompt": DEMO["prompt"]}
        db.execute("UPDATE jobs SET result = ? WHERE id = ?", (json.dumps(result), job_id))

    service.database.write(unit)
    html = fetch(service, job_id).text
    assert "Word for word the seed prompt." in html
    assert "<ins>" in html.split("The best candidate, which is not returned")[1].split("</section>")[0]


def many_rollouts(db: sqlite3.Connection, job_id: str, ids: list[str], candidates: int) -> None:
    db.execute("DELETE FROM rollouts")
    db.executemany(
        "INSERT INTO rollouts (job_id, event_id, position, candidate_id, example_id, split, output, score, feedback,"
        " flags) VALUES (?, 1, ?, ?, ?, 'test', ?, ?, ?, '[]')",
        [
            (job_id, 2 * n + candidate_id, candidate_id, each, "<" * 5_000, candidate_id, "&" * 2_000)
            for n, each in enumerate(ids)
            for candidate_id in (0, 1)
        ],
    )
    db.executemany(
        "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision, reason,"
        " score, parent_score, compared) VALUES (?, ?, 1, 1, 'x', '{}', '[0]', 'reflect', ?, 'outrun', 0.5, 0.4, 3)",
        [(job_id, 1000 + n, "accepted" if n % 9 == 0 else "rejected") for n in range(candidates)],
    )
    db.execute("UPDATE jobs SET best_candidate_id = 1")


def test_the_report_of_a_big_job_is_short_and_says_what_it_leaves_out(service) -> None:
    examples = [{"id": f"e{n}", "input": "<" * 100_000} for n in range(3)]
    examples += [{"id": f"f{n}", "input": f"{n}"} for n in range(200)]
    job_id = service.create(prompt="&" * 100_000, examples=examples)
    ids = fetch(service, job_id, "receipt.json").json["splits"]["test"]["ids"]
    service.database.write(lambda db: many_rollouts(db, job_id, ids, 1500))
    answer = fetch(service, job_id)
    text = Read(answer.text).text
    assert len(answer.data) < 3_000_000
    assert len(ids) > SHOWN_CASES
    assert f"Here are {SHOWN_CASES} of {len(ids)}, those that scored lower first; rollouts.jsonl has all." in text
    assert f"Here are {SHOWN_CANDIDATES} of 1,500, those that were kept before others; candidates.jsonl has all" in text
    assert "500 rejected candidates are not drawn" in text
    assert "[3,500 more characters in rollouts.jsonl]" in text
