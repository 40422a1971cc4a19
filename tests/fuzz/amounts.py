"""How many cases hypothesis makes: the same few each time among the tests, `FUZZ_CASES` in `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

CASES = int(os.environ.get("FUZZ_CASES", "0"))
FEW = 60


def some(few: int = FEW, *, share: float = 1.0, **changes: object) -> settings:
    """Return settings for so few cases, or for this share of the many."""
    return settings(
        max_examples=max(few, int(CASES * share)),
        derandomize=not CASES,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **changes,
    )
