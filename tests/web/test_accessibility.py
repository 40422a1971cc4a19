"""Everybody can use the pages: axe-core finds nothing serious, in light and in dark."""

from pathlib import Path

import pytest

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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_page_has_serious_findings(done, open_page, trouble, scheme) -> None:
    _, url, job_id = done
    page = open_page(f"{url}/jobs/{job_id}", color_scheme=scheme)
    found = findings(page)
    log_in(page)
    connection(page, "ended")
    page.wait_for_selector("#heat canvas")
    page.get_by_text("vs seed").click()
    found += findings(page)
    page.locator("#heat canvas").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#case .pair")
    found += findings(page)
    for path in ("/", "/new", "/docs", "/jobs/none"):
        page.goto(url + path)
        found += findings(page)
    assert found == []
    trouble.forgive("404")


def test_a_narrow_page_does_not_scroll_sideways(done, open_page) -> None:
    _, url, job_id = done
    page = open_page(f"{url}/jobs/{job_id}", viewport={"width": 400, "height": 800})
    log_in(page)
    connection(page, "ended")
    page.wait_for_selector("#heat canvas")
    for path in (f"/jobs/{job_id}", "/", "/new", "/docs"):
        page.goto(url + path)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
