"""Whatever prompts, examples, outputs and feedback hold, a page shows it as text."""

import pytest

from tests.support.hostile import HOSTILE, PAYLOADS
from tests.web.browser import needs_chromium
from tests.web.looking import connection, log_in

pytestmark = needs_chromium
ADDED = "img, iframe, base, input[onfocus], main script:not([src]), main style, meta[http-equiv]"


@pytest.fixture
def hostile(open_with):
    """A finished job whose prompt, examples, answers, lessons and feedback are hostile."""
    service = open_with()
    examples = [{"id": f"e{n}", "input": f"{n} {HOSTILE}", "ideal": f"{n} {PAYLOADS[n]}"} for n in range(1, 9)]
    job_id = service.finished_job(prompt=HOSTILE, examples=examples, metadata={HOSTILE: HOSTILE}, iterations=2)
    with service.served() as url:
        yield service, url, job_id


def harmless(page) -> bool:
    return page.evaluate("window.broken === undefined") and page.locator(ADDED).count() == 0


def test_a_prompt_with_scripts_is_text_in_every_view(hostile, open_page) -> None:
    _, url, job_id = hostile
    page = open_page(f"{url}/jobs/{job_id}")
    log_in(page)
    connection(page, "ended")
    page.wait_for_selector("#heat canvas")
    page.select_option("#candidate", "0")
    page.wait_for_function("text => document.querySelector('#prompt').textContent === text", arg=HOSTILE)
    for view in ("vs parent", "vs seed", "since when"):
        page.get_by_text(view).click()
        assert harmless(page)
    page.locator("#heat canvas").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_selector("#case .pair")
    shown = page.locator("#case .text").first.text_content()
    assert shown.endswith(HOSTILE)
    assert harmless(page)
    page.goto(url)
    assert page.locator("#jobs tbody tr").count() == 1
    assert harmless(page)


def test_a_log_in_that_leads_elsewhere_does_not(hostile, open_page) -> None:
    _, url, _ = hostile
    page = open_page(f"{url}/login?next=javascript:window.broken=1")
    log_in(page)
    assert page.url == f"{url}/"


def test_a_report_opened_from_disk_shows_them_as_text_and_asks_for_nothing(hostile, open_page, tmp_path) -> None:
    service, _, job_id = hostile
    url, file = f"/v1/optimize/{job_id}/artifacts", tmp_path / "report.html"
    file.write_bytes(service.client().get(f"{url}/report.html").data)
    page = open_page(file.as_uri())
    prompt = service.client().get(f"{url}/prompt.txt").text
    assert PAYLOADS[1] in prompt
    assert page.locator("#prompt ~ pre").first.text_content() == prompt
    assert HOSTILE[:1000] in page.locator(".case .text").first.text_content()
    assert page.locator("script, img, iframe, base, input, form, link, meta[http-equiv=refresh]").count() == 0
    assert page.locator("style").count() == 1
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).display") == "block"
    assert page.evaluate("window.broken === undefined")
