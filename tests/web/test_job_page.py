"""The page of a job in a browser: what it shows of stored events, and what can be done with it."""

import re

import pytest

from gepa_next.api.words import duration, score, usd
from gepa_next.gepa.types import Role
from gepa_next.models import Waiting
from gepa_next.store.runs import record_waiting
from gepa_next.web.assets import url_of
from tests.support.pinning import DESK, bank, message, pin, prompt_for
from tests.web.browser import needs_chromium
from tests.web.looking import connection, dots, log_in, logged_ids, status

pytestmark = needs_chromium


def test_a_finished_job_is_shown_from_its_stored_events(job_page, done) -> None:
    service, _, job_id = done
    state = service.client().get(f"/v1/optimize/{job_id}").json
    candidates = service.client().get(f"/v1/optimize/{job_id}/candidates").json["items"]
    test = state["result"]["test"]
    assert job_page.text_content("#best") == score(test["score"])
    assert job_page.text_content("#seed") == score(test["seed_score"])
    assert job_page.text_content("#best-name") == "Held-out score"
    assert job_page.text_content("#best-on") == f"on {test['n']} held-out examples"
    assert job_page.text_content("#selected") == f"{score(state['best_score'])} on the examples to select by"
    assert f": {score(test['seed_score'])} → {score(test['score'])} on {test['n']} held-out" in job_page.text_content(
        "#outcome"
    )
    assert job_page.text_content("#iteration") == "4 / 4"
    assert job_page.text_content("#rollouts") == str(state["usage"]["rollouts"])
    assert state["result"]["verdict"].replace("_", " ") in job_page.text_content("#outcome")
    assert state["result"]["says"] in job_page.text_content("#outcome")
    assert [each["message"] in job_page.text_content("#warnings") for each in state["warnings"]] == [True]
    assert dots(job_page) == sum(each["score"] is not None for each in candidates)
    assert job_page.locator("#tree .node").count() == len(candidates)
    assert logged_ids(job_page) == list(range(1, service.client().get(f"/jobs/{job_id}/scores").json["upto"] + 1))


def test_the_curve_is_drawn_by_iteration_rollouts_or_cost(job_page) -> None:
    places = set()
    for by in ("iteration", "rollouts", "USD"):
        job_page.locator("#curve-by").get_by_text(by).click()
        places.add(str([each.get_attribute("transform") for each in job_page.locator("#curve .dot").all()]))
    assert len(places) == 3


def test_kinds_of_candidates_differ_in_shape(job_page) -> None:
    def shapes(figure, part):
        kinds = job_page.locator(f"{figure} [data-id]")
        return {
            (each.get_attribute("class").split()[1], (each if part is None else each.locator(part)).get_attribute("d"))
            for each in kinds.all()
        }

    for found in (shapes("#curve", None), shapes("#tree", ".body")):
        names = {name for name, _ in found} - {"refused"}
        assert len({path for name, path in found if name in names}) == len(names)


def test_the_prompt_is_compared_with_the_seed_word_by_word(job_page, done) -> None:
    service, _, job_id = done
    job_page.get_by_text("vs seed").click()
    added, removed = (job_page.locator(f"#prompt {name}").all_text_contents() for name in ("ins", "del"))
    assert added
    text = job_page.text_content("#prompt")
    best = service.client().get(f"/v1/optimize/{job_id}").json["best_prompt"]
    assert len(text) == len(best) + sum(map(len, removed))
    job_page.get_by_text("since when").click()
    origins = set(job_page.locator("#prompt .since > :nth-child(odd)").all_text_contents())
    assert "seed" in origins
    assert any(each.startswith("iteration") for each in origins)


def test_picking_a_candidate_in_the_tree_shows_its_prompt(job_page, done) -> None:
    service, _, job_id = done
    last = service.client().get(f"/v1/optimize/{job_id}/candidates").json["items"][-1]
    job_page.locator(f"#tree [data-id='{last['id']}']").click()
    job_page.wait_for_function("text => document.querySelector('#prompt').textContent === text", arg=last["text"])
    assert job_page.input_value("#candidate") in {str(last["id"]), "best"}


def test_the_tree_is_gone_through_by_keyboard(job_page) -> None:
    job_page.locator("#tree [tabindex='0']").focus()
    job_page.keyboard.press("ArrowRight")
    focused = job_page.evaluate("document.activeElement.dataset.id")
    assert focused != "0"
    job_page.keyboard.press("Enter")
    job_page.wait_for_selector(f"#tree [data-id='{focused}'][aria-pressed=true]")
    assert job_page.evaluate("document.activeElement.dataset.id") == focused


def test_a_case_is_opened_by_keyboard_and_shows_both_outputs_and_what_was_said(job_page, done) -> None:
    service, _, job_id = done
    job_page.locator("#heat canvas").focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowLeft"):
        job_page.keyboard.press(key)
    assert "#1 on " in job_page.text_content("#heat-about")
    job_page.keyboard.press("Enter")
    job_page.wait_for_selector("#case .pair")
    title = job_page.text_content("#case-title")
    example = title.rpartition(" ")[2]
    case = service.client().get(f"/jobs/{job_id}/case/1/{example}").json
    texts = job_page.locator("#case .text").all_text_contents()
    said = [case["example"]["input"], case["example"]["ideal"]]
    said += [each[name] for each in case["rollouts"] for name in ("output", "feedback") if each[name]]
    assert sorted(texts) == sorted(said)
    job_page.keyboard.press("Escape")
    assert not job_page.locator("#case").is_visible()


@pytest.mark.parametrize(
    ("only", "kept"),
    [
        ("failures", lambda mine, _: mine < 0.5),
        ("changed", lambda mine, seed: mine != seed),
        ("regressions", lambda mine, seed: mine < seed),
    ],
)
def test_the_filters_leave_the_examples_they_name(job_page, done, only, kept) -> None:
    service, _, job_id = done
    outcomes = service.client().get(f"/jobs/{job_id}/scores").json["outcomes"]
    by = {
        (candidate, place): points / 10_000
        for candidate, _, places, all_points in outcomes
        for place, points in zip(places, all_points, strict=True)
    }
    job_page.select_option("#candidate", "1")
    seed = {place: score for (candidate, place), score in by.items() if candidate == 0}
    mine = {place: score for (candidate, place), score in by.items() if candidate == 1}
    wanted = sum(kept(score, seed.get(place, score)) for place, score in mine.items())
    job_page.get_by_text(only, exact=True).click()
    job_page.wait_for_function(
        "text => document.querySelector('#heat-about').textContent.startsWith(text)", arg=f"{wanted} "
    )


def test_the_page_rounds_as_the_server_does(job_page) -> None:
    values = [0.125, 0.375, 0.625, 0.875, 1.125, 0.225, 0.22499999999999998, 0.62, 0.005, 0.0, 1.0]
    worded = (
        "([url, values]) => import(url).then((words) => values.map((each) => [words.score(each), words.usd(each)]))"
    )
    assert job_page.evaluate(worded, [url_of("words.js"), values]) == [[score(each), usd(each)] for each in values]
    lengths = [0.0, 0.26, 9.99, 10.0, 61.5, 3700.0]
    worded = "([url, values]) => import(url).then((words) => values.map(words.duration))"
    assert job_page.evaluate(worded, [url_of("words.js"), lengths]) == [duration(each) for each in lengths]
    assert [duration(each) for each in lengths] == ["0.0 s", "0.2 s", "9.9 s", "10 s", "1 min 1 s", "1 h 1 min"]


def test_the_time_that_is_left_is_one_number_where_both_ends_are_the_same(job_page) -> None:
    ranges = [[0, 0], [0.2, 0.9], [1, 2], [100, 110], [100, 200], [7200, 7210], [0, 89], [0, 100]]
    worded = "([url, values]) => import(url).then((words) => values.map(words.range))"
    said = [each.removeprefix("about ") for each in job_page.evaluate(worded, [url_of("words.js"), ranges])]
    assert [each.removesuffix(" left").replace("\u2013", "-") for each in said] == [
        *("0 s", "1 s", "1-2 s", "2 min", "2-3 min", "2.0 h", "0-89 s", "0-2 min"),
    ]


def test_what_was_best_stands_on_its_step_where_the_line_ends(job_page) -> None:
    star = job_page.locator("#curve .dot.best").get_attribute("transform")
    line = job_page.locator("#curve .step").get_attribute("d")
    at = float(star.removeprefix("translate(").split()[0])
    assert any(abs(float(each) - at) < 0.1 for each in re.findall(r"[HM]([0-9.]+)", line))
    last = job_page.locator("#curve .dot").evaluate_all(
        "dots => Math.max(...dots.map((each) => Number(each.getAttribute('transform').match(/[0-9.]+/)[0])))"
    )
    assert float(re.findall(r"H([0-9.]+)", line)[-1]) >= last - 0.1


def test_a_narrow_tree_begins_with_the_best_candidate(job_page) -> None:
    job_page.set_viewport_size({"width": 400, "height": 800})
    job_page.reload()
    job_page.locator("#tree .node.best").wait_for()
    drawn = "() => ['#tree .node.best', '#tree'].map((each) => document.querySelector(each).getBoundingClientRect())"
    node, figure = job_page.evaluate(drawn)  # at one moment: a drawing may be replaced between two
    assert figure["left"] <= node["left"] < node["right"] <= figure["right"]


def test_events_are_shown_by_stage(job_page) -> None:
    job_page.select_option("#log-only", "select")
    job_page.wait_for_function("() => document.querySelector('#log').dataset.only === 'select'")
    assert set(job_page.locator("#log li b").all_text_contents()) == {"select"}


def test_a_job_is_resumed_with_more_iterations(job_page, done) -> None:
    service, _, job_id = done
    job_page.get_by_role("button", name="Resume…").click()
    job_page.get_by_label("Iterations", exact=True).fill("6")
    job_page.locator("#raise .primary").click()
    status(job_page, "queued")
    connection(job_page, "live")
    service.run(job_id)
    connection(job_page, "ended")
    status(job_page, "finished")
    assert job_page.text_content("#iteration") == "6 / 6"


def test_a_limit_that_is_refused_is_said_in_the_form(job_page, trouble) -> None:
    job_page.get_by_role("button", name="Resume…").click()
    job_page.get_by_label("Rollouts", exact=True).fill("1")
    job_page.locator("#raise .primary").click()
    job_page.wait_for_function(
        "() => document.querySelector('#raise .wrong').textContent.includes('At most rollouts: less than')"
    )
    trouble.forgive("422")


def test_a_waiting_job_says_for_what_and_is_cancelled_after_a_question(open_with, open_page) -> None:
    service = open_with()
    job_id = service.create()
    service.begin(job_id)
    down = Waiting(
        reason="provider_down", roles=(Role.JUDGE,), endpoint="m:9", error="Connection refused", patience_s=9.0
    )
    record_waiting(service.database, job_id, epoch=0, nth=1, waiting=down, now=1.0)
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "live")
        said = page.locator("#waiting").text_content()
        assert said.startswith(
            "Waiting: the provider does not answer (m:9 as judge: Connection refused). It goes on by"
        )
        assert ", and fails if that lasts until " in said
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Keep it running").click()
        assert service.client().get(f"/v1/optimize/{job_id}").json["status"] == "running"
        page.get_by_role("button", name="Cancel", exact=True).click()
        page.get_by_role("button", name="Cancel the job").click()
        status(page, "cancelled")
        connection(page, "ended")
        assert page.text_content("#why") == ""
        assert set(page.locator("[data-shape=undecided]").all_text_contents()) == {"not decided"}
        assert page.get_by_role("button", name="Resume…").is_visible()
        page.close()


def test_a_job_is_stopped(open_with, open_page) -> None:
    service = open_with()
    job_id = service.create()
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "live")
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("button:disabled:has-text('Stopping…')")
        service.run(job_id)
        connection(page, "ended")
        page.close()
    assert service.client().get(f"/v1/optimize/{job_id}").json["stop_reason"] == "stopped"


def test_a_page_that_is_slow_to_draw_says_of_a_job_that_it_has_ended_when_all_of_it_does(open_with, open_page) -> None:
    service = open_with()
    job_id = service.create()
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "live")
        page.evaluate("window.requestAnimationFrame = () => 0")
        service.run(job_id)
        connection(page, "ended")
        page.get_by_role("button", name="Resume…").click()
        assert page.text_content("#need") == "Ended: all iterations done. Raise Iterations, or nothing is left to do."
        page.keyboard.press("Escape")
        assert page.text_content("#status").strip() == "finished"
        assert page.text_content("#why") == "all iterations done"
        assert not page.get_by_role("button", name="Stop").is_visible()
        usage = service.client().get(f"/v1/optimize/{job_id}").json["usage"]
        assert page.text_content("#calls") == str(usage["calls"])
        page.close()


def test_a_candidate_is_pinned_and_the_page_says_so(job_page, done, trouble) -> None:
    service, _, job_id = done
    job_page.get_by_role("button", name="Pin…").click()
    assert job_page.evaluate("document.activeElement.name") == "name"
    job_page.get_by_label("Name").fill("no name")
    job_page.keyboard.press("Enter")
    job_page.wait_for_function("() => document.querySelector('#pin .wrong').textContent.includes('1 to 64')")
    job_page.get_by_label("Name").fill("triage")
    job_page.keyboard.press("Enter")
    job_page.wait_for_selector("#relations b")
    assert "triage version 1, the active one" in job_page.text_content("#relations")
    assert not job_page.get_by_label("Name").is_visible()
    assert service.client().get("/v1/prompts/triage", headers={"Accept": "application/json"}).json["job_id"] == job_id
    trouble.forgive("422")


def test_a_candidate_that_is_picked_is_the_one_to_pin_or_to_fork_from(job_page) -> None:
    job_page.select_option("#candidate", "0")
    job_page.wait_for_selector("a[href$='/fork?candidate_id=0']")
    job_page.get_by_role("button", name="Pin…").click()
    assert job_page.get_by_label("Candidate", exact=True).last.input_value() == "0"
    job_page.keyboard.press("Escape")
    job_page.get_by_role("link", name="Fork…").click()
    job_page.wait_for_url("**/fork?candidate_id=0")
    assert job_page.get_by_label("From candidate").input_value() == "0"


def test_the_page_of_a_re_test_shows_the_prompt_that_was_tested(open_with, open_page) -> None:
    service = open_with()
    pin(service, prompt_for("invoice", "outage"))
    pin(service, prompt_for("invoice"))
    bank(service.client(), message("invoice"), message("outage"))
    job_id = service.client().post(f"{DESK}/retest", json={}).json["job_id"]
    service.run(job_id)
    with service.served() as url:
        page = open_page(f"{url}/login?next=/jobs/{job_id}")
        log_in(page)
        connection(page, "ended")
        page.wait_for_selector("#candidate option[value=best]:text-is('pinned (#1)')", state="attached")
        page.wait_for_function(
            "text => document.querySelector('#prompt').textContent === text", arg=prompt_for("invoice")
        )
        assert (page.text_content("#best"), page.text_content("#seed")) == ("0.50", "1.00")
        page.get_by_text("vs seed").click()
        assert "outage" in "".join(page.locator("#prompt del").all_text_contents())
        page.close()


def test_a_job_that_ended_without_faults_says_so(job_page) -> None:
    assert (job_page.text_content("#faults"), job_page.text_content("#faults-of")) == ("0", "none")


def test_lost_examples_of_the_test_open_their_cases(job_page, done) -> None:
    service, _, job_id = done
    lost = service.client().get(f"/v1/optimize/{job_id}").json["result"]["test"]["lost"]
    buttons = job_page.locator("#outcome button")
    assert buttons.all_text_contents() == lost != []
    buttons.first.click()
    job_page.wait_for_selector("#case .pair")
    assert lost[0] in job_page.text_content("#case-title")


def last_progress(service, job_id):
    events = service.client().get(f"/jobs/{job_id}/history").json["events"]
    return [data for _, kind, _, data in events if kind == "progress"][-1]


def test_a_page_without_javascript_shows_the_state(done, browser) -> None:
    service, url, job_id = done
    context = browser.new_context(
        java_script_enabled=False,
        extra_http_headers={"Authorization": service.client().environ_base["HTTP_AUTHORIZATION"]},
    )
    page = context.new_page()
    page.goto(f"{url}/jobs/{job_id}")
    state = service.client().get(f"/v1/optimize/{job_id}").json
    assert page.text_content("#status").strip() == "finished"
    assert page.text_content("#best") == score(state["result"]["test"]["score"])
    assert page.text_content("#prompt") == state["result"]["prompt"]
    assert page.locator("#log li").count() > 3
    assert page.text_content("#why") == "all iterations done"
    assert page.text_content("#elapsed") == duration(last_progress(service, job_id)["elapsed_s"])
    assert "iteration 5" not in page.text_content("#log")
    assert not page.get_by_text("Reload it to see more").is_visible()
    assert not page.locator("#prompt-about").is_visible()
    assert page.get_by_text(state["result"]["says"]).is_visible()
    assert [page.get_by_text(each["message"]).is_visible() for each in state["warnings"]] == [True]
    assert page.get_by_text(f"Scored lower than before on: {', '.join(state['result']['test']['lost'])}.").is_visible()
    assert page.locator("#lessons li").first.is_visible()
    assert page.get_by_role("heading", name="How the best prompt came about").is_visible()
    assert not page.get_by_text("Nothing is scored yet.").first.is_visible()
    context.close()


def test_a_job_is_resumed_and_cancelled_without_javascript(done, browser) -> None:
    _, url, job_id = done
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/jobs/{job_id}")
    log_in(page)
    page.get_by_role("button", name="Resume…").click()
    page.get_by_label("Iterations", exact=True).fill("2")
    page.locator("#raise .primary").click()
    assert "less than the 4 spent already" in page.text_content("#problem")
    page.get_by_role("button", name="Resume…").click()
    page.get_by_label("Iterations", exact=True).fill("6")
    page.locator("#raise .primary").click()
    assert (page.url, page.text_content("#status").strip()) == (f"{url}/jobs/{job_id}", "queued")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Cancel the job").click()
    assert page.text_content("#status").strip() == "cancelled"
    context.close()
