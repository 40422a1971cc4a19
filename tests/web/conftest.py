"""Pages in a real browser, on a service of the test's own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.service import Service, open_service
from tests.web.browser import TIMEOUT_MS, Browser, Page, Trouble, launched


@pytest.fixture
def open_with(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Open services with settings of the test's own, on one database."""
    with ExitStack() as stack:

        def with_settings(**changes: object) -> Service:
            service = open_service(tmp_path, **{"sse_ping_interval_s": 0.2, "sse_retry_ms": 50, **changes})
            stack.callback(service.close)
            return service

        yield with_settings


@pytest.fixture
def service(open_with: Callable[..., Service]) -> Service:
    return open_with()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


@pytest.fixture
def trouble() -> Trouble:
    return Trouble(allowed=set())


@pytest.fixture
def open_page(browser: Browser, trouble: Trouble) -> Iterator[Callable[..., Page]]:
    """Open pages of an address in contexts of their own; whatever goes wrong in them fails the test."""
    with ExitStack() as stack:

        def opened(url: str, **options: object) -> Page:
            trouble.allowed.add(urlsplit(url).netloc)
            context = browser.new_context(**options)
            stack.callback(context.close)
            trouble.watch(context)
            page = context.new_page()
            page.set_default_timeout(TIMEOUT_MS)
            page.goto(url)
            return page

        yield opened
    assert trouble.found == []
