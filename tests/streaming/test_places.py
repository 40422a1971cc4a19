"""Places: as many streams as may be, however many ask at once, and none is lost when its stream is."""

import gc
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from gepa_next.errors import UnavailableError
from gepa_next.streaming.places import Places
from gepa_next.streaming.subscription import Holder, Subscription
from tests.support.service import open_service

ADA, BOB = Holder("ada", "a"), Holder("bob", "b")
MOST, ASKING, TIMEOUT_S = 5, 60, 20.0


def subscription(holder: Holder = ADA) -> Subscription:
    return Subscription(job_id="j", holder=holder)


def take(places: Places, *holders: Holder) -> list[Subscription]:
    taken = [subscription(each) for each in holders]
    for each in taken:
        places.take(each)
    return taken


def frames():
    yield b"first"
    yield b"second"


def test_places_are_counted_while_they_are_taken_in_all_and_by_owner() -> None:
    places = Places(10)
    taken = take(places, ADA, Holder("ada", "another token"), BOB)
    assert (places.taken, places.taken_by("ada"), places.taken_by("bob")) == (3, 2, 1)
    for each in taken:
        places.give_back(each)
    assert (places.taken, places.taken_by("ada"), places.holders()) == (0, 0, [])


def test_no_more_places_are_taken_than_there_are() -> None:
    places = Places(2)
    first, _ = take(places, ADA, BOB)
    with pytest.raises(UnavailableError) as caught:
        places.take(subscription())
    assert caught.value.code == "too_many_streams"
    places.give_back(first)
    places.take(subscription())


def test_an_owner_takes_no_more_than_it_may_and_leaves_the_others_theirs() -> None:
    places = Places(10)
    take(places, ADA)
    with pytest.raises(UnavailableError) as caught:
        places.take(subscription(), most_of_owner=1)
    assert caught.value.code == "too_many_streams_of_owner"
    places.take(subscription(BOB), most_of_owner=1)


def test_a_place_that_is_given_back_twice_is_one() -> None:
    places = Places(10)
    first, _ = take(places, ADA, ADA)
    places.give_back(first)
    places.give_back(first)
    assert places.taken == 1


@pytest.mark.parametrize("read", [0, 1, 2])
@pytest.mark.parametrize("end", ["close", "drop"])
def test_a_stream_gives_its_place_back_however_it_ends_and_wherever_it_is(read, end) -> None:
    places = Places(1)
    [taken] = take(places, ADA)
    kept = places.keep(taken, frames())
    assert [next(kept) for _ in range(read)] == [b"first", b"second"][:read]
    assert places.taken == 1
    if end == "close":
        kept.close()
    else:
        del kept
    assert places.taken == 0


def test_a_stream_that_is_read_to_its_end_gives_its_place_back() -> None:
    places = Places(1)
    [taken] = take(places, ADA)
    assert list(places.keep(taken, frames())) == [b"first", b"second"]
    assert places.taken == 0


def ask_at_once(service, url: str) -> list:
    """Return the answers to as many requests for a stream, none of which has been read, all in the same moment."""
    ready = threading.Barrier(ASKING)

    def ask(_: int):
        client = service.client()
        ready.wait(TIMEOUT_S)
        return client.get(url)

    with ThreadPoolExecutor(ASKING) as pool:
        return list(pool.map(ask, range(ASKING)))


@pytest.mark.parametrize(
    ("limit", "code"), [("max_sse_clients", "too_many_streams"), ("owner_max_streams", "too_many_streams_of_owner")]
)
def test_as_many_streams_as_may_be_are_opened_by_however_many_ask_at_once(tmp_path, limit, code) -> None:
    with closing(open_service(tmp_path, **{limit: MOST})) as service:
        answers = ask_at_once(service, f"/v1/optimize/{service.create()}/events")
        opened = [each for each in answers if each.status_code == 200]
        assert len(opened) == service.parts.places.taken == MOST
        assert {each.json["error"]["code"] for each in answers if each not in opened} == {code}
        for each in opened:
            each.close()
        assert service.parts.places.taken == 0


def test_only_the_head_of_a_stream_takes_no_place(tmp_path) -> None:
    with closing(open_service(tmp_path, max_sse_clients=1)) as service:
        url = f"/v1/optimize/{service.create()}/events"
        heads = [service.client().head(url) for _ in range(3)]
        assert [(each.status_code, each.headers["Cache-Control"]) for each in heads] == [
            (200, "no-cache, no-transform")
        ] * 3
        assert service.parts.places.taken == 0


def test_an_answer_that_is_lost_to_an_error_leaves_its_place(tmp_path, monkeypatch) -> None:
    def fail(_):
        raise ZeroDivisionError

    with closing(open_service(tmp_path, max_sse_clients=1)) as service:
        url = f"/v1/optimize/{service.create()}/events"
        monkeypatch.setattr(
            service.app.logger, "disabled", True
        )  # what is logged is kept by pytest, with all its frames
        service.app.after_request_funcs[None].append(fail)
        assert service.client().get(url).status_code == 500
        gc.collect()
        assert service.parts.places.taken == 0
