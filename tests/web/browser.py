"""A browser that reaches this machine and nothing else, and takes down whatever goes wrong in its pages."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

CHROMIUM = shutil.which("chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
TIMEOUT_MS = 20_000

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Browser, BrowserContext, Page = playwright.Browser, playwright.BrowserContext, playwright.Page
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


@dataclass
class Trouble:
    """What must not happen: errors of scripts, words of the console, requests that leave the origin."""

    allowed: set[str]
    found: list[str] = field(default_factory=list)

    def watch(self, context: BrowserContext) -> None:
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.found.append(f"error: {error.error}"))
        context.on("request", self._asked)

    def forgive(self, *words: str) -> None:
        """Leave out what names all the words: a test that stops the server makes requests fail."""
        self.found = [each for each in self.found if not all(word in each for word in words)]

    def _heard(self, message: object) -> None:
        if message.type in {"error", "warning"}:
            self.found.append(f"console: {message.text}")

    def _asked(self, request: object) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in {"data", "blob"} and parts.netloc not in self.allowed:
            self.found.append(f"request: {request.url}")


@contextmanager
def launched() -> Iterator[Browser]:
    """Yield a browser; it ends with the block."""
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()
