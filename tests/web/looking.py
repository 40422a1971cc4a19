"""What a visitor does and sees on the pages."""

import time
from collections.abc import Callable
from typing import Any

from tests.support.service import TOKEN
from tests.web.browser import Page

TIMEOUT_S = 20.0


def log_in(page: Page, *, token: str = TOKEN) -> None:
    """Fill in the form to log in and go on to what was wanted."""
    page.get_by_label("Token").fill(token)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(lambda url: "/login" not in url)


def connection(page: Page, state: str) -> None:
    """Wait until the page says so of its connection."""
    page.wait_for_selector(f"#connection[data-state={state}]", state="attached")


def status(page: Page, name: str) -> None:
    """Wait until the page says that the job has this status."""
    page.wait_for_selector(f"#status [data-status={name}]")


def logged_ids(page: Page) -> list[int]:
    """Return the ids of the events that the page shows, the first one first."""
    return [int(each) for each in page.locator("#log li[data-id] > :first-child").all_text_contents()][::-1]


def dots(page: Page) -> int:
    """Return how many candidates the score curve shows."""
    return page.locator("#curve .dot").count()


def wait_for(condition: Callable[[], Any]) -> Any:
    """Return what the condition returns once that is true."""
    deadline = time.monotonic() + TIMEOUT_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)  # the only way to wait for what another thread does
    return found
