"""Pinned prompts on file: one version is active, whoever asks at once, and a change that came first is seen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gepa_next.errors import ConflictError
from gepa_next.store.database import Database
from gepa_next.store.pins import (
    MOST_ACTIVATIONS,
    activate_version,
    delete_versions,
    find_active_version,
    list_activations,
    list_versions,
    pin_version,
)
from tests.store.jobs_on_file import PINNED, WHO

SECOND = replace(PINNED, candidate_id=1, created_at=3.0)


def test_of_many_that_pin_the_same_at_once_one_makes_a_version(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: pin_version(database, WHO, PINNED, seen=None), range(32)))
    assert sum(made) == 1
    assert [each.number for each in list_versions(database, WHO, "orders", limit=9, before=None)] == [1]


def test_of_many_that_pin_different_ones_at_once_each_makes_a_version_and_the_last_is_active(
    database: Database,
) -> None:
    different = [replace(PINNED, candidate_id=n, created_at=float(n)) for n in range(32)]
    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(lambda each: pin_version(database, WHO, each, seen=None), different))
    assert [each.number for each in list_versions(database, WHO, "orders", limit=99, before=None)] == [
        *range(32, 0, -1)
    ]
    active = find_active_version(database, WHO, "orders")
    assert active is not None
    assert active.number == 32
    assert [each.until is None for each in list_activations(database, WHO, "orders", limit=99, before=None)] == [
        True, *[False] * 31
    ]  # fmt: skip


def test_of_very_many_rollbacks_the_last_are_remembered(database: Database) -> None:
    for each in (PINNED, SECOND):
        pin_version(database, WHO, each, seen=None)
    for n in range(MOST_ACTIVATIONS):
        activate_version(database, WHO, "orders", 1 + n % 2, seen=None, now=4.0 + n)
    history = list_activations(database, WHO, "orders", limit=9999, before=None)
    assert [each.id for each in history] == [*range(MOST_ACTIVATIONS + 2, 2, -1)]
    assert [each.until is None for each in history[:2]] == [True, False]


@pytest.mark.parametrize(
    "change",
    [
        lambda database: pin_version(database, WHO, PINNED, seen=1),
        lambda database: activate_version(database, WHO, "orders", 1, seen=1, now=4.0),
        lambda database: delete_versions(database, WHO, "orders", seen=1),
    ],
)
def test_a_change_after_another_that_was_not_seen_is_refused(
    database: Database, change: Callable[[Database], object]
) -> None:
    for each in (PINNED, SECOND):
        pin_version(database, WHO, each, seen=None)
    with pytest.raises(ConflictError, match="meanwhile"):
        change(database)
    active = find_active_version(database, WHO, "orders")
    assert active == replace(SECOND, number=2, previous=1, activation=2, active_since=3.0)
