"""A check that never ends would hold the interpreter's lock: only a thread outside of Python can end it."""

import faulthandler
from collections.abc import Iterator

import pytest

TIMEOUT_S = 120


@pytest.fixture(autouse=True)
def ends_in_time() -> Iterator[None]:
    faulthandler.dump_traceback_later(TIMEOUT_S, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()
