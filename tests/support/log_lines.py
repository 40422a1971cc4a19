"""What the service logs, as those who read the lines get it."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from gepa_next.logs import formatter
from tests.support.service import TOKEN

Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def log_lines() -> Iterator[Lines]:
    """Yield what returns the lines so far, of every level."""
    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(formatter("json", [TOKEN]))
    logger = logging.getLogger("gepa_next")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    try:
        yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    finally:
        logger.setLevel(before)
        logger.removeHandler(handler)
