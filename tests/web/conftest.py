"""Pages in a real browser, on a service of the test's own."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.resources import files
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import provider, provider_process, serve
from tests.support.service import Service, open_service
from tests.web.browser import TIMEOUT_MS, Browser, Page, Trouble, launched
from tests.web.looking import connection, log_in

DEMO = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
__all__ = ["provider", "provider_process", "serve"]  # fixtures of real processes


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


@pytest.fixture
def done(open_with: Callable[..., Service]) -> Iterator[tuple[Service, str, str]]:
    """Serve a finished job; yields the service, its address and the job."""
    service = open_with()
    job_id = service.finished_job(**{**DEMO, "iterations": 4, "population": 3, "minibatch": 3})
    with service.served() as url:
        yield service, url, job_id


@pytest.fixture
def job_page(done: tuple[Service, str, str], open_page: Callable[..., Page]) -> Page:
    """The page of a finished job, all of it shown."""
    _, url, job_id = done
    page = open_page(f"{url}/jobs/{job_id}")
    log_in(page)
    connection(page, "ended")
    page.wait_for_selector("#heat canvas")
    return page
