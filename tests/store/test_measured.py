"""What processes measure waits for nobody who writes: there is a next time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gepa_next.errors import UnavailableError
from gepa_next.models import Counter, Process
from gepa_next.store.database import Database
from gepa_next.store.measured import forget_shown, list_shown, record_measured
from tests.support.holding import held

HOUR_S = 3600.0
TIMEOUT_S = 10.0
THIS = Process(pid=1, pid_started_at=2, boot_id="b")


@pytest.mark.parametrize(
    "write",
    [
        lambda database: record_measured(database, THIS, [Counter(name="a", labels=(), value=1.0)], {"clients": 7.0}),
        lambda database: forget_shown(database, [THIS]),
    ],
    ids=["record", "forget"],
)
def test_it_is_given_up_while_somebody_else_holds_the_database(
    tmp_path: Path, write: Callable[[Database], None]
) -> None:
    database = Database(tmp_path / "held.sqlite3", gate_timeout_s=HOUR_S)
    record_measured(database, THIS, [], {"clients": 3.0})
    with ThreadPoolExecutor(1) as pool, held(database.path):
        assert isinstance(pool.submit(write, database).exception(TIMEOUT_S), UnavailableError)
        assert [each.value for each in list_shown(database)] == [3.0]
    database.close()
