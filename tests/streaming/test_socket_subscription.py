"""A subscription on a socket sends what is new at once, whole and in order, and never waits for the client."""

import socket
import threading

import gevent.socket
import pytest

from gepa_next.models import StoredEvent
from gepa_next.streaming.frames import HEARTBEAT, Chunk, as_http_chunk, chunk, frame
from gepa_next.streaming.subscription import SocketSubscription, Subscription, subscription_for
from tests.support.sse import parse_frames

TIMEOUT_S = 10.0
LONG = "x" * 500_000  # more than the kernel takes at once: it takes a part


def a_chunk(first: int, text: str = "", *, last: int | None = None, kind: str = "progress") -> Chunk:
    data, ids = f'{{"text":"{text}"}}', range(first, (last or first) + 1)
    return chunk([frame(StoredEvent(sequence=0, job_id="j", id=each, type=kind, ts=1.0, data=data)) for each in ids])


@pytest.fixture(params=[True, False], ids=["blocking", "not blocking"])
def ends(request):
    """A connection: under gthread sockets block, under gevent they do not."""
    ours, theirs = socket.socketpair()
    ours.setblocking(request.param)
    theirs.settimeout(TIMEOUT_S)
    with ours, theirs:
        yield ours, theirs


def live(connection: socket.socket, *, coded: bool = False) -> SocketSubscription:
    return SocketSubscription(job_id="j", connection=connection, coded=coded, live=True)


def put_until_full(subscription: SocketSubscription) -> int:
    """Put events until the client's kernel has no more room; return how many the subscription has passed on."""
    number = 0
    while subscription.live:
        number += 1
        assert number < 1000
        subscription.put(a_chunk(number, LONG))
    return subscription.after


@pytest.mark.parametrize("coded", [True, False])
def test_what_is_put_is_at_the_client_and_wakes_nobody(ends, coded) -> None:
    ours, theirs = ends
    subscription = live(ours, coded=coded)
    subscription.put(a_chunk(1))
    assert theirs.recv(1000) == (a_chunk(1).coded if coded else a_chunk(1).bare)
    assert (subscription.live, subscription.after, subscription._ready.is_set()) == (True, 1, False)


@pytest.mark.parametrize("coded", [True, False])
def test_a_heartbeat_is_sent_likewise(ends, coded) -> None:
    ours, theirs = ends
    live(ours, coded=coded).beat()
    assert theirs.recv(1000) == (as_http_chunk(HEARTBEAT) if coded else HEARTBEAT)


def test_a_client_that_does_not_read_is_left_to_its_stream_which_sends_the_rest(ends) -> None:
    ours, theirs = ends
    subscription = live(ours)
    passed_on = put_until_full(subscription)
    ours.settimeout(TIMEOUT_S)  # as gevent's sendall waits
    draining = threading.Thread(target=lambda: (subscription.drain(), ours.shutdown(socket.SHUT_WR)))
    draining.start()
    with theirs.makefile("rb") as reading:
        found = parse_frames(reading.read().decode())
    draining.join(TIMEOUT_S)
    assert [each.id for each in found] == list(range(1, passed_on + 1))
    assert all(each.envelope["data"]["text"] == LONG for each in found)


def test_a_socket_of_gevent_is_not_waited_for() -> None:
    ours, theirs = gevent.socket.socketpair()
    with ours, theirs, gevent.Timeout(TIMEOUT_S):
        subscription = live(ours)
        assert put_until_full(subscription) > 0
        subscription.live, subscription._rest = True, b""
        assert subscription.put(a_chunk(subscription.after + 1)) is False


def test_what_a_full_client_lacks_is_left_to_the_store(ends) -> None:
    subscription = live(ends[0])
    passed_on = put_until_full(subscription)
    subscription.live = True  # it has room for nothing, not even for a part
    assert subscription.put(a_chunk(passed_on + 1)) is False
    assert (subscription.live, subscription.closed, subscription.after) == (False, False, passed_on)


def test_what_is_missing_or_known_already_is_not_sent(ends) -> None:
    ours, theirs = ends
    subscription = live(ours)
    for first, last in ((1, 2), (2, 2), (2, 3), (5, 5)):
        subscription.put(a_chunk(first, last=last))
    ours.close()
    with theirs.makefile("rb") as reading:
        assert [each.id for each in parse_frames(reading.read().decode())] == [1, 2, 3]
    assert (subscription.live, subscription.after) == (False, 3)


def test_an_ending_is_sent_and_looked_at(ends) -> None:
    ours, theirs = ends
    subscription = live(ours)
    assert subscription.put(a_chunk(1, kind="finished"))
    assert theirs.recv(1000) == a_chunk(1, kind="finished").bare
    assert (subscription.live, subscription.after, subscription._ready.is_set()) == (False, 1, True)


def test_nothing_is_sent_between_two_parts_of_an_event(ends) -> None:
    ours, theirs = ends
    subscription = live(ours)
    passed_on = put_until_full(subscription)
    found = theirs.recv(50_000, socket.MSG_WAITALL)  # there is room again
    subscription.beat()
    subscription.put(a_chunk(passed_on + 1))
    ours.close()
    with theirs.makefile("rb") as reading:
        found += reading.read()
    assert b"\n:" not in found
    assert found.count(b"id: ") == passed_on


def test_a_client_that_has_gone_ends_its_stream(ends) -> None:
    ours, theirs = ends
    theirs.close()
    subscription = live(ours)
    subscription.put(a_chunk(1))
    assert (subscription.closed, subscription.live) == (True, False)


@pytest.mark.parametrize(("version", "coded"), [("HTTP/1.1", True), ("HTTP/1.0", False)])
def test_a_stream_of_a_plain_connection_uses_its_socket_in_its_coding(ends, version, coded) -> None:
    environ = {"gunicorn.socket": ends[0], "SERVER_PROTOCOL": version}
    subscription = subscription_for(environ, "j")
    assert isinstance(subscription, SocketSubscription)
    assert subscription.coded is coded


@pytest.mark.parametrize("environ", [{}, {"gunicorn.socket": "not one", "SERVER_PROTOCOL": "HTTP/1.1"}])
def test_where_there_is_no_socket_there_is_a_queue(environ) -> None:
    assert type(subscription_for(environ, "j")) is Subscription


def test_http_2_has_a_coding_of_its_own_and_gets_a_queue(ends) -> None:
    environ = {"gunicorn.socket": ends[0], "SERVER_PROTOCOL": "HTTP/2.0"}
    assert type(subscription_for(environ, "j")) is Subscription


def test_a_socket_that_waits_by_itself_is_not_written_to_past_its_stream(ends) -> None:
    ends[0].settimeout(TIMEOUT_S)
    environ = {"gunicorn.socket": ends[0], "SERVER_PROTOCOL": "HTTP/1.1"}
    assert type(subscription_for(environ, "j")) is Subscription
