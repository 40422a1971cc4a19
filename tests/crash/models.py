"""The model server as the tests see it: started, asked what it saw, told what to do."""

import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests

TIMEOUT_S = 60


Counts = dict[str, dict[str, int]]  # by role, then by the request's id


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a room was asked and what it refused, and how many requests wait there now."""

    requests: Counts
    refusals: Counts
    waiting: int

    @property
    def bought_again(self) -> int:
        """How many answers were sent beyond the first to each request."""
        return sum(
            max(0, times - self.refusals[role][name] - 1)
            for role, requests in self.requests.items()
            for name, times in requests.items()
        )


@dataclass(frozen=True, slots=True)
class Models:
    """A room of the model server."""

    url: str

    def room(self) -> "Models":
        """Return a room in which nothing was asked yet."""
        return Models(f"{self.url}/{secrets.token_hex(4)}")

    def seen(self) -> Seen:
        return Seen(**requests.get(self.url, timeout=TIMEOUT_S).json())

    def order(self, **orders: Any) -> None:
        """Set `latency_s`, or what to `hold` or to `refuse`: (role, number) or None."""
        requests.post(self.url, json=orders, timeout=TIMEOUT_S)


@contextmanager
def models_served() -> Iterator[Models]:
    command = [sys.executable, "-m", "tests.crash.model_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Models(f"http://127.0.0.1:{int(process.stdout.readline())}")
        finally:
            process.kill()
