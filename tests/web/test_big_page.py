"""The page of a job with much in it: what came at once and what came live look alike, and are drawn where seen."""

import json
import time
from functools import partial

import pytest

from gepa_next.store.events import append_event
from tests.web.browser import needs_chromium
from tests.web.conftest import DEMO
from tests.web.looking import connection, log_in, wait_for

pytestmark = needs_chromium
ITERATIONS = 150
PARTS = (".stats", "#outcome", "#curve", "#tree", "#prompt-about", "#prompt", "#heat-about", "#lessons", "#log")


def shown(page) -> dict[str, str]:
    """Return all that the page shows, once it has the scores of all rollouts."""
    page.wait_for_selector("#tree .ring")
    page.wait_for_function("() => document.querySelector('#prompt-about').textContent")
    return {part: page.locator(part).first.inner_html() for part in PARTS}


def test_a_job_that_was_watched_looks_as_it_does_when_it_is_opened_afterwards(open_with, open_page) -> None:
    service = open_with()
    job_id = service.create(**{**DEMO, "iterations": 4, "population": 3})
    with service.served() as url:
        watched = open_page(f"{url}/jobs/{job_id}")
        log_in(watched)
        connection(watched, "live")
        service.run(job_id)
        connection(watched, "ended")
        opened = watched.context.new_page()
        opened.goto(watched.url)
        connection(opened, "ended")
        afterwards = shown(opened)
        wait_for(lambda: shown(watched) == afterwards)
        assert len(set(afterwards.values())) == len(PARTS)


def test_a_failed_job_shows_all_that_it_consumed(open_with, open_page) -> None:
    service = open_with()
    job_id = service.finished_job(budget={"max_tokens": 1})
    usage = service.client().get(f"/v1/optimize/{job_id}").json["usage"]
    assert usage["calls"] > 0
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "ended")
        page.wait_for_function(
            "calls => document.querySelector('#calls').textContent === calls", arg=str(usage["calls"])
        )
        assert page.text_content("#tokens") == f"{usage['input_tokens']} tokens in, {usage['output_tokens']} out"


@pytest.fixture
def long_page(open_with, open_page, trouble):
    """The page of a running job of many iterations with a candidate in each; all there is of them is events."""
    service = open_with(require_auth=False, api_bearer_tokens=[])
    job_id = service.create()
    service.begin(job_id)
    tell(service, job_id, seeded(), *(each for number in range(1, ITERATIONS + 1) for each in proposed(number)))
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        page.wait_for_selector(f"#tree [data-id='{ITERATIONS}']")
        yield service, page, job_id
        page.close()
    trouble.forgive("404")  # for the texts of the candidates


def tell(service, job_id, *events) -> None:
    def unit(db) -> None:
        for data in events:
            key = json.dumps(data)
            append_event(db, job_id, key=key, kind="progress", now=time.time(), data=key)

    service.database.write(unit)


def seeded():
    return {**spent(0), "stage": "seed", "candidate_id": 0, "score": 0.2, "best_score": 0.2, "rollouts": 3, "errors": 0}


def spent(number):
    return {"iteration": number, "elapsed_s": 2.0 * number, "eta_s": 9.0, "calls": number, "cost_usd": 0.01 * number}


def proposed(number):
    """Return the events about a candidate that is better than the one before."""
    about = {**spent(number), "candidate_id": number, "parent_ids": [number - 1], "operator": "reflect"}
    score = 0.2 + number / 1000
    decision = {"decision": "accepted", "reason": "better", "score": score, "parent_score": 0.2, "difference": 0.1}
    yield {**about, "stage": "generate", "prompt_tokens": 20}
    yield {**about, **decision, "stage": "select", "compared": 3, "validation_score": score}
    best = {"best_score": score, "best_candidate_id": number, "frontier": [number], "rollouts": 3 * number}
    yield {**spent(number), **best, "stage": "iteration", "iterations": 400, "max_rollouts": 999, "by_role": {}}


def test_a_candidate_that_is_being_run_does_not_look_accepted(long_page) -> None:
    service, page, job_id = long_page
    made, *_ = proposed(ITERATIONS + 1)
    tell(service, job_id, made, {**made, "stage": "evaluate", "rollouts": 3, "errors": 0, "score": 0.9})
    for figure, part in (("#curve", ""), ("#tree", " .body")):
        page.wait_for_selector(f"{figure} .undecided")
        shapes = {
            page.locator(f"{figure} .{kind}{part}").first.get_attribute("d") for kind in ("undecided", "accepted")
        }
        assert len(shapes) == 2
    assert (
        page.locator("#tree .undecided")
        .get_attribute("aria-label")
        .startswith(f"Candidate {ITERATIONS + 1}, undecided")
    )


def test_the_best_candidate_has_the_best_score_wherever_it_is_shown(long_page) -> None:
    service, page, job_id = long_page
    *_, complete = proposed(ITERATIONS)
    tell(service, job_id, {**complete, "iteration": ITERATIONS + 1, "best_score": 0.77})
    page.wait_for_selector(f"#tree [data-id='{ITERATIONS}'] text:text-is('.77')")
    assert page.text_content("#best") == "0.77"
    assert "score 0.77" in page.text_content("#prompt-about")
    assert f"#{ITERATIONS} 0.77 best" in page.locator("#candidate option").all_text_contents()


def test_of_a_large_tree_what_is_near_is_drawn_and_the_rest_when_it_is_looked_at(long_page) -> None:
    service, page, job_id = long_page
    node = partial("#tree [data-id='{}']".format)
    assert page.locator("#tree svg").get_attribute("aria-label") == f"{ITERATIONS + 1} candidates"
    assert 0 < page.locator("#tree .node").count() < ITERATIONS / 2
    page.locator("#tree").evaluate("figure => { figure.scrollLeft = 0; }")
    page.wait_for_selector(node(3))
    tell(service, job_id, *proposed(ITERATIONS + 1))
    page.wait_for_selector(f"#tree svg[aria-label='{ITERATIONS + 2} candidates']")
    assert page.locator("#tree").evaluate("figure => figure.scrollLeft") == 0
    page.locator(node(0)).focus()
    for key in ("ArrowRight", "ArrowRight"):
        page.keyboard.press(key)
    page.locator("#tree").evaluate("figure => { figure.scrollLeft = figure.scrollWidth; }")
    page.wait_for_selector(node(ITERATIONS))
    assert page.evaluate("document.activeElement.dataset.id") == "2"
    assert page.locator("#tree").evaluate("figure => figure.scrollLeft") > 0


def test_a_tree_that_is_looked_at_where_it_grows_goes_along(long_page) -> None:
    service, page, job_id = long_page
    tell(service, job_id, *(each for number in range(1, 40) for each in proposed(ITERATIONS + number)))
    page.wait_for_selector(f"#tree [data-id='{ITERATIONS + 39}']")
    figure = page.locator("#tree")
    wait_for(lambda: figure.evaluate("figure => figure.scrollLeft + figure.clientWidth >= figure.scrollWidth - 1"))
