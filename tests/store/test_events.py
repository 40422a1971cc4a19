import pytest

from gepa_next.store.database import Database
from gepa_next.store.events import PAGE, append_event, iterate_events, last_end, list_events, tail_events
from tests.store.jobs_on_file import insert


def append(database: Database, job_id: str, key: str, kind: str = "progress", data: str = "{}") -> int | None:
    return database.write(lambda db: append_event(db, job_id, key=key, kind=kind, now=1.0, data=data))


def test_ids_count_from_one_per_job_without_gaps(database: Database) -> None:
    for job_id in ("a", "b"):
        insert(database, job_id)
    ids = [append(database, job_id, f"k{n}") for n in range(3) for job_id in ("a", "b")]
    assert ids == [1, 1, 2, 2, 3, 3]


def test_an_event_with_a_key_that_is_there_is_not_written_again(database: Database) -> None:
    insert(database, "a")
    assert [append(database, "a", key) for key in ("x", "x", "y")] == [1, None, 2]
    assert [event.id for event in list_events(database, "a", after=0, limit=10)] == [1, 2]


def test_the_tail_has_the_order_of_the_commits(database: Database) -> None:
    for job_id in ("a", "b"):
        insert(database, job_id)
    for place, job_id in enumerate("abba"):
        append(database, job_id, f"k{place}")
    tail = tail_events(database, after=1, limit=10)
    assert [(event.job_id, event.id) for event in tail] == [("b", 1), ("b", 2), ("a", 2)]


def test_a_log_is_read_up_to_the_event_asked_for(database: Database) -> None:
    insert(database, "a")
    for place in range(PAGE + 10):
        append(database, "a", f"k{place}")
    for upto in (0, 3, PAGE, PAGE + 5):
        assert [event.id for event in iterate_events(database, "a", upto=upto)] == list(range(1, upto + 1))


@pytest.mark.parametrize(("most_bytes", "page"), [(0, [1]), (5, [1]), (6, [1, 2]), (8, [1, 2, 3]), (11, [1, 2, 3])])
def test_a_page_ends_before_it_is_too_large_and_has_one_event_at_least(database: Database, most_bytes, page) -> None:
    insert(database, "a")
    for place, data in enumerate(['""', '"é"', "{}", '"12"']):
        append(database, "a", f"k{place}", data=data)
    assert [event.id for event in list_events(database, "a", after=0, limit=9, most_bytes=most_bytes)] == page


def test_the_last_end_is_that_before_the_event_asked_about(database: Database) -> None:
    insert(database, "a")
    for place, kind in enumerate(["started", "failed", "resumed", "cancelled", "resumed", "finished"]):
        append(database, "a", f"k{place}", kind)
    assert [last_end(database, "a", before=each) for each in (1, 2, 3, 6, 7)] == [0, 0, 2, 4, 6]
