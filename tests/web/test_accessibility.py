"""Everybody can use the pages: axe-core finds nothing serious, in light and in dark."""

from pathlib import Path

import pytest

from tests.support.service import EXAMPLES
from tests.web.browser import needs_chromium
from tests.web.looking import connection, log_in

pytestmark = needs_chromium
AXE = Path(__file__).with_name("vendor") / "axe.min.js"
GRAVE = {"serious", "critical"}


def findings(page) -> list[str]:
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary']}"
        for each in found["violations"]
        if each["impact"] in GRAVE
        for node in each["nodes"]
    ]


@pytest.fixture
def ended(done, open_page):
    """Open the page of the finished job, all of it shown; also returns what axe finds in the form to log in."""
    _, url, job_id = done

    def opened(**options):
        page = open_page(f"{url}/jobs/{job_id}", **options)
        found = findings(page)
        log_in(page)
        connection(page, "ended")
        page.wait_for_selector("#heat canvas")
        return page, found

    return opened


@pytest.fixture
def paths(done) -> list[str]:
    """The other pages: a comparison too, of jobs that wait."""
    service, _, job_id = done
    asked = {"prompt": "Add.", "examples": EXAMPLES, "target_model_ids": ["sim/a", "sim/b"]}
    comparison = service.client().post("/v1/comparisons", json=asked).json["comparison_id"]
    return [
        "/",
        "/new",
        "/docs",
        "/jobs/none",
        f"/jobs/{job_id}/fork",
        f"/comparisons/{comparison}",
        f"/v1/optimize/{job_id}/artifacts/report.html",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_serious_findings(done, ended, paths, trouble, scheme) -> None:
    page, found = ended(color_scheme=scheme)
    page.get_by_text("vs seed").click()
    found += findings(page)
    for name in ("Pin…", "Resume…"):
        page.get_by_role("button", name=name).click()
        found += findings(page)
        page.keyboard.press("Escape")
    page.locator("#heat canvas").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#case .pair")
    found += findings(page)
    for path in paths:
        page.goto(done[1] + path)
        found += findings(page)
    assert found == []
    trouble.forgive("404")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_form_that_is_wrong_and_one_that_is_quoted_have_no_serious_findings(done, ended, trouble, scheme) -> None:
    page, _ = ended(color_scheme=scheme)
    page.goto(f"{done[1]}/new")
    for each in page.locator("summary").all():
        each.click()
    page.get_by_role("button", name="Add another metric").click()
    page.wait_for_selector("[name='metric.1.name']:focus")
    page.get_by_label("Scored by").last.select_option("length")
    page.get_by_role("button", name="Get a quote").click()
    page.wait_for_selector("#answer[role=alert]")
    found = findings(page)
    page.get_by_label("Prompt to improve").fill("Add.")
    page.get_by_label("Scored by").last.select_option("nothing more")
    page.get_by_role("button", name="Get a quote").click()
    page.wait_for_selector("#answer .quote")
    assert found + findings(page) == []
    trouble.forgive("422")


def test_a_narrow_page_does_not_scroll_sideways(done, ended, paths, trouble) -> None:
    page, _ = ended(viewport={"width": 400, "height": 800})
    for path in (f"/jobs/{done[2]}", *paths):
        page.goto(done[1] + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    trouble.forgive("404")


@pytest.mark.parametrize("width", [1024, 390])
def test_the_list_shows_all_of_a_job_before_anything_is_scrolled(ended, done, width) -> None:
    page, _ = ended(viewport={"width": width, "height": 800})
    page.goto(done[1])
    page.evaluate("document.querySelector('#jobs .verdict').append(', the seed prompt stays, and that is all')")
    for each in ("#jobs .beginning", "#jobs th time", "#jobs .status", "#jobs .verdict", "#jobs td:last-child"):
        assert page.locator(each).first.evaluate("it => it.getBoundingClientRect().right") <= width, each
    assert page.locator("#jobs .status").first.evaluate("it => it.getBoundingClientRect().height") < 25
    table = page.evaluate("document.querySelector('#jobs').scrollWidth - document.querySelector('#jobs').clientWidth")
    assert table <= 0


def test_what_can_be_asked_of_a_job_stands_at_the_right_however_much_is_told_of_it(ended) -> None:
    page, _ = ended(viewport={"width": 1280, "height": 800})
    page.evaluate("document.querySelector('.facts').append('one more fact of this job '.repeat(9))")
    actions, title, facts = (page.locator(each).bounding_box() for each in (".actions", "h1", ".facts"))
    assert actions["y"] < title["y"] + title["height"]
    assert facts["x"] + facts["width"] <= actions["x"]
    assert actions["x"] + actions["width"] > 1240


def test_a_finished_job_prints_as_a_report_of_few_pages(ended) -> None:
    page, _ = ended()
    pages = page.pdf(format="A4").count(b"/Type /Page\n")
    page.emulate_media(media="print")
    assert 1 <= pages <= 3
    for shown in ("#outcome", "#prompt", "#curve svg", "#lessons", ".simulated"):
        assert page.locator(shown).is_visible()
    assert page.locator("#outcome button").first.is_visible()
    assert page.locator("#lessons button").first.is_visible()
    for hidden in (".actions", "#log", "#heat", "#copy", ".files", "#curve-by"):
        assert not page.locator(hidden).is_visible()
    assert page.evaluate(
        "document.querySelector('#prompt').scrollHeight <= document.querySelector('#prompt').offsetHeight"
    )
