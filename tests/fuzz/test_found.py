"""What fuzzing found once stays found, and what it begins with is read."""

import pytest

from tests.fuzz.readers import READERS, SEEDS

FOUND = [
    ("body", rb'["\\u0000", 5]'),  # a backslash and letters, no NUL: the harness itself was wrong
    ("reply", b'{"inputs": ["a" 1e999}'),  # mended, it held infinity, which no store can keep
]


@pytest.mark.parametrize(("name", "data"), [(name, seed) for name, seeds in SEEDS.items() for seed in seeds] + FOUND)
def test_a_reader_returns_from_it(name: str, data: bytes) -> None:
    READERS[name](data)
