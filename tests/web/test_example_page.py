"""The example of a plain EventSource page, in a browser, on another origin than the server's."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import gepa_next
from tests.support.service import OTHER_TOKEN, TOKEN
from tests.web.browser import needs_chromium

pytestmark = needs_chromium
EXAMPLES = Path(gepa_next.__file__).parents[1] / "docs" / "examples"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing of requests."""

    def do_GET(self) -> None:
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """Serve docs/examples on an origin of its own."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(EXAMPLES)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(10)


def follow(page, url, job_id, *, token=TOKEN) -> None:
    page.fill("[name=server]", url)
    page.fill("[name=token]", token)
    page.fill("[name=job]", job_id)
    page.click("button")


def test_the_example_follows_a_job_to_its_end_and_shows_each_event_once(
    open_with, open_page, trouble, elsewhere
) -> None:
    service = open_with(cors_allowed_origins=elsewhere)
    job_id = service.create()
    service.begin(job_id)
    with service.served() as url:
        trouble.allowed.add(url.removeprefix("http://"))
        page = open_page(f"{elsewhere}/eventsource.html")
        follow(page, url, job_id)
        page.wait_for_function("document.querySelector('output').value === 'connected'")
        service.tell(job_id, 3)
        page.wait_for_function("document.querySelector('pre').textContent.split('\\n').length === 5")
        service.client().delete(f"/v1/optimize/{job_id}")
        page.wait_for_function("document.querySelector('output').value === 'ended'")
        lines = page.text_content("pre").splitlines()
        page.close()  # it would go on asking for the end of the stream
    assert [line.split(" ", 2)[:2] for line in lines] == [
        ["1", "started"],
        ["2", "progress"],
        ["3", "progress"],
        ["4", "progress"],
        ["5", "cancelled"],
    ]


def test_the_example_says_that_a_token_is_wrong(open_with, open_page, trouble, elsewhere) -> None:
    service = open_with(cors_allowed_origins=elsewhere)
    with service.served() as url:
        trouble.allowed.add(url.removeprefix("http://"))
        page = open_page(f"{elsewhere}/eventsource.html")
        follow(page, url, service.create(), token=OTHER_TOKEN + "x")
        page.wait_for_function("document.querySelector('output').value === '401'")
    trouble.forgive("401")


def test_the_example_says_what_is_missing_where_its_origin_is_not_allowed(
    open_with, open_page, trouble, elsewhere
) -> None:
    service = open_with()
    with service.served() as url:
        trouble.allowed.add(url.removeprefix("http://"))
        page = open_page(f"{elsewhere}/eventsource.html")
        follow(page, url, service.create())
        page.wait_for_function("document.querySelector('output').value.includes('CORS_ALLOWED_ORIGINS')")
    trouble.forgive("CORS policy")
    trouble.forgive("Failed to load resource")


def test_the_example_is_as_long_as_the_documentation_says() -> None:
    assert "thirty\nlines" in (EXAMPLES.parent / "own-page.md").read_text(encoding="utf-8")
    assert len((EXAMPLES / "eventsource.html").read_text(encoding="utf-8").splitlines()) == 30
