"""Re-tests on file: what is new is taken once, however much came at once, and only for a version that there is."""

from dataclasses import replace

import pytest

from gepa_next.errors import NotFoundError
from gepa_next.gepa.types import Example, Pinned
from gepa_next.models import PinnedVersion, Retest
from gepa_next.store.bank import upsert_examples
from gepa_next.store.database import Database
from gepa_next.store.jobs import find_job
from gepa_next.store.new_jobs import NewJob, insert_job
from gepa_next.store.pins import find_active_version, pin_version
from gepa_next.store.retests import Newest, list_new_examples, list_retests
from tests.store.jobs_on_file import PINNED, WHO, job_spec


def pinned(database: Database) -> PinnedVersion:
    pin_version(database, WHO, PINNED, seen=None)
    version = find_active_version(database, WHO, "orders")
    assert version is not None
    return version


def retest_of(version: PinnedVersion, job_id: str, *, upto: Newest | None = None) -> NewJob:
    retest = Retest(name=version.name, version=version.number, against=0, pinned=Pinned(text=version.text))
    return NewJob(
        id=job_id,
        token_id=WHO,
        spec=job_spec(retest=retest),
        examples=(),
        judge=version.judge,
        simulated=True,
        created_at=9.0,
        body_sha256="body",
        upto=upto,
    )


def test_examples_that_came_at_once_are_taken_in_turns_and_none_is_left_out(database: Database) -> None:
    version = pinned(database)
    given = [Example(id=f"e{n}", input=str(n)) for n in range(5)]
    upsert_examples(database, WHO, given[2:], now=7.0)
    upsert_examples(database, WHO, given[:2], now=8.0)
    taken: list[str] = []
    while found := list_new_examples(database, WHO, version, limit=2):
        taken += [each.example.id for each in found]
        last = Newest(found[-1].created_at, found[-1].example.id)
        insert_job(database, retest_of(version, f"job-{len(taken)}", upto=last))
    assert taken == ["e2", "e3", "e4", "e0", "e1"]


def test_a_re_test_of_a_version_that_is_gone_makes_no_job(database: Database) -> None:
    gone = replace(pinned(database), number=2)
    with pytest.raises(NotFoundError):
        insert_job(database, retest_of(gone, "job-9"))
    assert find_job(database, "job-9") is None
    assert list_retests(database, WHO, "orders", limit=9, before=None) == []
