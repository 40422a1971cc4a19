from gepa_next.store.database import Database
from gepa_next.store.events import append_event, list_events, tail_events
from tests.store.jobs_on_file import insert


def append(database: Database, job_id: str, key: str) -> int | None:
    return database.write(lambda db: append_event(db, job_id, key=key, kind="progress", now=1.0, data="{}"))


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
