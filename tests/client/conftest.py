"""A service to talk to, real servers to kill, and a stand-in that says what a test has it say."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.api.conftest import done, done_id, no_settings_from_outside, open_with, service
from tests.client.stand_in import StandIn, standing_in
from tests.e2e.conftest import provider, provider_process, serve

__all__ = [
    "done",
    "done_id",
    "no_settings_from_outside",
    "open_with",
    "provider",
    "provider_process",
    "serve",
    "service",
]


@pytest.fixture
def stand_in() -> Iterator[Callable[..., StandIn]]:
    """Start servers that give one answer after the other."""
    with ExitStack() as stack:
        yield lambda *answers: stack.enter_context(standing_in(answers))
