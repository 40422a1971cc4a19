"""What a fork begins with is copied in the transaction that makes it, or there is no fork."""

from dataclasses import replace

import pytest

from gepa_next.errors import NotFoundError
from gepa_next.models import Fork
from gepa_next.store.forks import FORKS_OF, find_checkpoint, was_tested
from gepa_next.store.jobs import find_job
from tests.store.jobs_on_file import insert

FORK = Fork(
    job_id="job-1", candidate_id=0, event_id=None, checkpoint=3, heir=None, test_seen=False, shares=True
)  # fmt: skip


@pytest.mark.parametrize(
    "gone", ["DELETE FROM jobs", "UPDATE jobs SET token_id = ''", "UPDATE jobs SET token_id = 'b'"]
)
def test_of_a_job_that_has_gone_meanwhile_there_is_no_fork(database, gone) -> None:
    insert(database)
    database.write(lambda db: db.execute(gone))
    with pytest.raises(NotFoundError, match="no such job any more"):
        insert(database, "job-2", fork=FORK)
    assert find_job(database, "job-2") is None


def test_a_fork_keeps_what_is_said_of_it(database) -> None:
    insert(database)
    insert(database, "job-2", fork=replace(FORK, test_seen=True))
    assert find_job(database, "job-2").spec.fork == replace(FORK, test_seen=True)


def test_a_job_that_has_not_begun_has_no_checkpoint_and_was_not_tested(database) -> None:
    insert(database)
    assert find_checkpoint(database, "job-1", upto=100) is None
    assert not was_tested(database, "job-1")


def test_the_forks_of_a_job_are_found_without_reading_other_jobs(database) -> None:
    plan = database.rows(f"EXPLAIN QUERY PLAN {FORKS_OF}", ("token", "a"))
    assert [row["detail"] for row in plan] == ["SEARCH jobs USING INDEX jobs_by_origin (token_id=? AND <expr>=?)"]
