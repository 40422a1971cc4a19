"""The page's stream: what breaks it mends, once and in order, and only as long as somebody looks."""

import os
import signal
import sys
import time

import pytest

from gepa_next.store.housekeeping import prune_jobs
from gepa_next.tokens.private_file import write_private
from tests.web.browser import needs_chromium
from tests.web.looking import connection, dots, log_in, logged_ids, status, wait_for

pytestmark = needs_chromium
GIVEN, OTHER = "given-0123456789-abcdef", "other-0123456789-abcdef"
HIDE = """() => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => %s });
    document.dispatchEvent(new Event("visibilitychange"));
}"""


@pytest.fixture
def running(open_with, open_page):
    """The page of a running job, connected, of which the test tells what happens."""
    service = open_with()
    job_id = service.create()
    service.begin(job_id)
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "live")
        yield service, page, job_id
        page.close()


def break_streams(service, job_id) -> None:
    for each in list(service.parts.tailer._streams_of(job_id)):
        each.close()


def tell(service, job_id, count=1) -> None:
    service.tell(job_id, count, kind="resumed")


def test_a_server_that_is_killed_and_started_again_is_found_again(serve, provider, open_page, trouble) -> None:
    server = serve(**provider.variables, SSE_RETRY_MS="50")
    job_id = server.create(iterations=2, population=2)
    provider.wait_for_calls()
    page = open_page(f"{server.url}/jobs/{job_id}")
    log_in(page)
    connection(page, "live")
    wait_for(lambda: logged_ids(page))
    assert dots(page) == 0
    for pid in server.alive():
        os.kill(pid, signal.SIGKILL)
    page.wait_for_selector("#connection:not([data-state=live])")
    again = serve([sys.executable, "-m", "gepa_next", "--port", server.url.rpartition(":")[2]], **provider.variables)
    assert again.url == server.url
    connection(page, "live")
    provider.open_gate()
    status(page, "finished")
    wait_for(lambda: dots(page) > 1)
    assert logged_ids(page) == [each.id for each in again.events(job_id)]
    trouble.forgive("ERR_")


def test_a_browser_that_gives_up_is_made_to_try_again(running, trouble) -> None:
    service, page, job_id = running
    most, service.parts.places.most = service.parts.places.most, 0
    break_streams(service, job_id)
    connection(page, "waiting")
    tell(service, job_id, 3)
    service.parts.places.most = most
    connection(page, "live")
    wait_for(lambda: logged_ids(page) == [1, 2, 3, 4])
    trouble.forgive("503")


def test_a_page_outlasts_a_proxy_whose_server_is_away(running, trouble) -> None:
    service, page, job_id = running
    for part in ("history*", "events*"):
        page.route(f"**/{part}", lambda route: route.fulfill(status=502, body="<h1>Bad Gateway</h1>"))
    break_streams(service, job_id)
    connection(page, "waiting")
    tell(service, job_id, 2)
    page.unroute_all()
    connection(page, "live")
    wait_for(lambda: logged_ids(page) == [1, 2, 3])
    trouble.forgive("502")


def test_a_page_that_nobody_sees_has_no_stream(running) -> None:
    service, page, job_id = running
    page.evaluate(HIDE % "true")
    connection(page, "paused")
    tell(service, job_id)  # a stream notices that nobody listens when it writes
    wait_for(lambda: service.parts.places.taken == 0)
    page.evaluate(HIDE % "false")
    connection(page, "live")
    wait_for(lambda: logged_ids(page) == [1, 2])
    assert service.parts.places.taken == 1


def test_a_session_that_is_over_asks_to_log_in_again(running, trouble) -> None:
    service, page, job_id = running
    page.context.clear_cookies()
    break_streams(service, job_id)
    connection(page, "refused")
    page.get_by_role("link", name="log in").click()
    log_in(page)
    connection(page, "live")
    assert page.url.endswith(f"/jobs/{job_id}")
    trouble.forgive("401")


def test_a_log_in_in_another_tab_brings_the_page_back(running, trouble) -> None:
    service, page, job_id = running
    page.clock.install()
    page.context.clear_cookies()
    break_streams(service, job_id)
    connection(page, "refused")
    other = page.context.new_page()
    other.goto(page.url.rpartition("/jobs/")[0] + "/login")
    log_in(other)
    tell(service, job_id, 2)
    page.clock.fast_forward(60_000)
    connection(page, "live")
    wait_for(lambda: logged_ids(page) == [1, 2, 3])
    trouble.forgive("401")


def test_a_token_that_is_taken_away_under_the_page_ends_the_session(open_with, open_page, trouble, tmp_path) -> None:
    write_private(tmp_path / "tokens", f"ada read,write {GIVEN}\n", over=True)
    service = open_with(api_bearer_tokens=[], api_tokens_file=str(tmp_path / "tokens"))
    job_id = service.create(token=GIVEN)
    service.begin(job_id)
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page, token=GIVEN)
        connection(page, "live")
        wait_for(lambda: logged_ids(page) == [1])
        write_private(tmp_path / "tokens", f"bob read {OTHER}\n", over=True)
        service.tell(job_id)
        connection(page, "refused")
        assert page.get_by_role("link", name="log in").is_visible()
        page.close()
    trouble.forgive("401")


def test_scores_that_cannot_be_had_at_first_are_asked_for_again(done, open_page, trouble) -> None:
    _, url, job_id = done
    page = open_page(f"{url}/login?next=/jobs/{job_id}")
    page.route("**/scores*", lambda route: route.fulfill(status=503, json={}), times=1)
    log_in(page)
    page.wait_for_selector("#heat canvas")
    trouble.forgive("503")


def test_a_job_that_is_deleted_under_the_page_is_said_to_be_gone(open_with, open_page, trouble) -> None:
    service = open_with()
    job_id = service.create()
    with service.served() as url:
        page = open_page(f"{url}/jobs/{job_id}")
        log_in(page)
        connection(page, "live")
        service.client().delete(f"/v1/optimize/{job_id}")
        connection(page, "ended")
        prune_jobs(service.database, before=time.time() + 1)
        page.evaluate(HIDE % "true")
        page.evaluate(HIDE % "false")
        connection(page, "gone")
        assert page.get_by_text("deleted while the page was open").is_visible()
        assert not page.get_by_role("button", name="Resume…").is_visible()
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        page.evaluate(HIDE % "true")
        page.evaluate(HIDE % "false")
        connection(page, "gone")
        assert asked == []
        page.close()
    trouble.forgive("404")


@pytest.mark.parametrize("asks", ["case", "resume", "prompt"])
def test_whatever_is_asked_of_a_deleted_job_shows_that_it_is_gone(done, open_page, trouble, asks) -> None:
    service, url, job_id = done
    page = open_page(f"{url}/login?next=/jobs/{job_id}")
    log_in(page)
    connection(page, "ended")
    page.wait_for_selector("#outcome button")
    prune_jobs(service.database, before=time.time() + 1)
    if asks == "case":
        page.locator("#outcome button").first.click()
        page.wait_for_selector("#case .wrong")
    elif asks == "resume":
        page.get_by_role("button", name="Resume…").click()
        page.locator("#raise .primary").click()
    else:
        page.select_option("#candidate", "0")
    connection(page, "gone")
    assert page.get_by_text("deleted while the page was open").is_visible()
    assert not page.locator("#raise, .actions").count()
    trouble.forgive("404")
