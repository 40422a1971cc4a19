"""The form in a browser: with scripts it is the same one, without leaving the page."""

import pytest

from tests.web.browser import needs_chromium
from tests.web.looking import dots, log_in, status, wait_for

pytestmark = needs_chromium
CSV = "input,ideal\n1 + 1,2\n2 + 2,4\n3 + 3,6\n4 + 4,8\n"
LEFT = "window.left = false; addEventListener('pagehide', () => { window.left = true })"


@pytest.fixture
def open_server(open_with):
    """A service that asks for no token, and its address."""
    service = open_with(require_auth=False, api_bearer_tokens=[])
    with service.served() as url:
        yield service, url


def quote(page) -> None:
    page.get_by_role("button", name="Get a quote").click()


def test_a_job_is_followed_from_the_form_to_its_end_and_the_visitor_leaves(open_with, open_page) -> None:
    service = open_with(runner="thread")
    with service.served() as url:
        page = open_page(url)
        log_in(page)
        page.get_by_role("link", name="New job").first.click()
        page.get_by_label("Prompt to improve").fill("Add the two numbers.")
        page.get_by_label("Examples").first.fill(CSV)
        page.get_by_label("Iterations", exact=True).fill("2")
        quote(page)
        page.wait_for_selector("#answer .quote")
        assert page.get_by_text("4 examples").is_visible()
        assert service.client().get("/v1/optimize").json["items"] == []
        page.get_by_label("Iterations", exact=True).fill("3")
        assert page.get_by_role("button", name="Start the job").is_disabled()
        page.get_by_role("button", name="Quote again").click()
        page.wait_for_selector("#start:enabled")
        page.get_by_role("button", name="Start the job").click()
        page.wait_for_url("**/jobs/*")
        status(page, "finished")
        assert page.text_content("#iteration") == "3 / 3"
        wait_for(lambda: dots(page) > 1)
        page.get_by_role("link", name="Jobs").click()
        assert page.locator("#jobs tbody tr").count() == 1
        page.get_by_role("button", name="Log out").click()
        page.wait_for_url("**/login")
        page.goto(url)
        assert page.url.endswith("/login")
        page.close()  # before the server goes: it may still ask for something


def test_what_is_wrong_is_announced_and_said_at_its_field(open_server, open_page, trouble) -> None:
    _, url = open_server
    page = open_page(f"{url}/new")
    quote(page)
    page.wait_for_selector("#prompt[aria-invalid=true]")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    page.get_by_label("Prompt to improve").fill("Add.")
    page.get_by_text("Limits and when to stop").click()
    page.get_by_label("At most calls").fill("few")
    quote(page)
    page.wait_for_selector("[id='budget.max_calls'][aria-invalid=true]")
    assert "must be a whole number" in page.text_content("[id='wrong-budget.max_calls']")
    page.get_by_role("link", name="At most calls").click()
    assert page.evaluate("document.activeElement.name") == "budget.max_calls"
    assert page.get_by_label("Prompt to improve").input_value() == "Add."
    trouble.forgive("422")


def test_only_the_parameters_of_the_chosen_metric_are_shown(open_server, open_page) -> None:
    page = open_page(f"{open_server[1]}/new")
    assert not page.get_by_label("Pattern").is_visible()
    page.get_by_label("Scored by").select_option("regex")
    assert page.get_by_label("Pattern").is_visible()
    page.evaluate(LEFT)
    page.get_by_role("button", name="Add another metric").click()
    page.wait_for_selector("[name='metric.1.name']:focus")
    assert page.get_by_label("Weight").count() == 2
    assert page.get_by_label("Scored by").first.input_value() == "regex"
    assert page.evaluate("window.left") is False


def test_a_job_is_ordered_without_javascript(open_server, browser) -> None:
    service, url = open_server
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{url}/new")
    page.get_by_label("Prompt to improve").fill("Add the two numbers.")
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    page.get_by_label("Scored by").select_option("exact_match")
    page.get_by_role("button", name="Add another metric").click()
    assert page.get_by_label("Scored by").count() == 2
    page.set_input_files("#file", {"name": "a.csv", "mimeType": "text/csv", "buffer": CSV.encode()})
    quote(page)
    assert page.get_by_text("4 examples: 2 to reflect on").is_visible()
    page.get_by_role("button", name="Start the job").click()
    (made,) = service.client(token=None).get("/v1/optimize").json["items"]
    assert page.url == f"{url}/jobs/{made['job_id']}"
    assert page.text_content("#status").strip() == "queued"
    context.close()


def test_a_server_that_does_not_answer_is_said_and_nothing_is_lost(open_server, open_page, trouble) -> None:
    _, url = open_server
    page = open_page(f"{url}/new")
    page.get_by_label("Prompt to improve").fill("Add.")
    page.route("**/new", lambda route: route.abort())
    quote(page)
    page.wait_for_selector("#answer:focus")
    assert "does not answer" in page.text_content("#answer")
    assert page.get_by_label("Prompt to improve").input_value() == "Add."
    trouble.forgive("ERR_FAILED")


def test_the_form_is_filled_in_and_sent_by_keyboard(open_server, open_page) -> None:
    page = open_page(f"{open_server[1]}/new")
    page.get_by_label("Prompt to improve").fill("Add.")
    page.get_by_label("Iterations", exact=True).focus()
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    page.wait_for_selector("#answer .quote")
    assert page.evaluate("document.activeElement.id") == "answer"
