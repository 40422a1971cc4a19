"""A job of which something cannot be read ends, instead of being taken up again and again; others run."""

import pytest

from gepa_next.errors import StoreError
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from tests.runner.running import ended, running, turns, wait_for
from tests.store.jobs_on_file import insert


def test_a_damaged_job_fails_and_the_next_one_runs(database: Database) -> None:
    insert(database, "damaged")
    insert(database, "whole", metric="exact_match")
    database.write(lambda db: db.execute("UPDATE examples SET input = CAST(x'ff' AS TEXT) WHERE job_id = 'damaged'"))
    with running(database, Simulator()):
        wait_for(database, lambda: get_job(database, "whole").status is JobStatus.FINISHED)
        wait_for(database, lambda: get_job(database, "damaged").status.terminal)
    found = get_job(database, "damaged")
    assert (found.status, found.error_code, found.owner_epoch) == (JobStatus.FAILED, "damaged", 1)


def test_a_job_whose_ledger_is_damaged_fails_and_the_one_that_runs_beside_it_does_not(database: Database) -> None:
    answered: list[str] = []

    def answer_once(call: ModelCall) -> Completion:
        if answered:
            raise StoreError("store_unavailable", "broken")
        answered.append(call.key)
        return Simulator()(call)

    insert(database, "damaged")
    with running(database, answer_once) as runner:
        turns(runner, until=lambda: runner._held.over)
    database.write(lambda db: db.execute("UPDATE calls SET text = CAST(x'ff' AS TEXT) WHERE status = 'done'"))
    insert(database, "whole", metric="exact_match")
    with running(database, Simulator()):
        damaged, whole = ended(database, "damaged"), ended(database, "whole")
    assert (damaged.status, damaged.error_code) == (JobStatus.FAILED, "damaged")
    assert (whole.status, whole.owner_epoch) == (JobStatus.FINISHED, 1)


@pytest.mark.parametrize(
    ("damage", "code"),
    [
        ("spec = CAST(x'ff' AS TEXT)", "damaged"),
        ("spec = substr(spec, 1, 20)", "internal_error"),
        ("spec = json_set(spec, '$.target_model_id', CAST(x'ff' AS TEXT))", "damaged"),
        ("judge_model_id = CAST(x'ff' AS TEXT)", "damaged"),
    ],
)
def test_a_job_whose_request_is_damaged_fails_when_its_turn_comes_and_the_next_one_runs(
    database: Database, damage: str, code: str
) -> None:
    insert(database, "damaged")
    insert(database, "whole", metric="exact_match")
    database.write(lambda db: db.execute("DROP INDEX jobs_by_origin"))  # which would not let it happen
    database.write(lambda db: db.execute(f"UPDATE jobs SET {damage}, created_at = 0 WHERE id = 'damaged'"))  # noqa: S608 - the lines above
    how = "SELECT error_code FROM jobs WHERE id = 'damaged' AND status = 'failed'"
    with running(database, Simulator()):
        assert ended(database, "whole").status is JobStatus.FINISHED
        wait_for(database, lambda: database.row(how) is not None)
    assert [row["error_code"] for row in database.rows(how)] == [code]
