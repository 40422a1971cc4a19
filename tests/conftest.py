from collections.abc import Iterator
from pathlib import Path

import pytest

from gepa_next.store.database import Database


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = Database(tmp_path / "test.sqlite3")
    yield opened
    opened.close()
