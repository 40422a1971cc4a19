"""Following a job over connections that break: nothing missing, nothing twice, and no waiting where it cannot help."""

import os
import signal
from itertools import islice

import pytest

from gepa_next.client import Client, ClientError, NoServerError
from tests.client.stand_in import answer, refusing, streaming
from tests.e2e.processes import SERVE
from tests.support.service import EXAMPLES, TOKEN

NO_MORE = answer(204, "")
HALF = 'id: 3\nevent: progress\ndata: {"id": 3, "ty'


def last_event_ids(requests: list[str]) -> list[str]:
    return [line.partition(": ")[2] for each in requests for line in each.splitlines() if "Last-Event-ID" in line]


def ids(client: Client) -> list[int]:
    return [event.id for event in client.events("j")]


def test_a_stream_that_breaks_in_an_event_goes_on_after_the_last_whole_one(stand_in) -> None:
    server = stand_in(streaming(1, 2, end=HALF), streaming(3, 4), NO_MORE)
    with Client(server.url) as client:
        assert ids(client) == [1, 2, 3, 4]
    assert last_event_ids(server.requests) == ["2", "4"]


def test_events_that_come_again_are_told_once(stand_in) -> None:
    server = stand_in(streaming(1, 2), streaming(1, 2, 3, 3), NO_MORE)
    with Client(server.url) as client:
        assert ids(client) == [1, 2, 3]


def test_a_chunked_stream_that_is_cut_is_taken_up_again(stand_in) -> None:
    whole = streaming(1).partition(b"\r\n\r\n")[2]
    cut = answer(200, "", "Transfer-Encoding: chunked", content_type="text/event-stream")
    server = stand_in(cut + b"%x\r\n%s\r\nff\r\nid: 2" % (len(whole), whole), streaming(2), NO_MORE)
    with Client(server.url) as client:
        assert ids(client) == [1, 2]


@pytest.mark.parametrize("broken", [b"", b"ff", b"ff\r\nid"])
def test_a_stream_that_breaks_says_nothing_of_the_insides_of_python(stand_in, broken) -> None:
    begun = answer(200, "", "Transfer-Encoding: chunked", content_type="text/event-stream")
    waits = []
    server = stand_in(begun + broken, streaming(1), NO_MORE)
    with Client(server.url, on_wait=lambda error, _: waits.append(str(error))) as client:
        assert ids(client) == [1]
    assert waits == [f"unreachable: {server.url} cannot be reached: the connection broke"]


def test_a_gateway_without_its_server_is_waited_for_once_the_server_was_there(stand_in) -> None:
    away = answer(502, "<h1>Bad Gateway</h1>", content_type="text/html")
    server = stand_in(streaming(1), away, streaming(2), NO_MORE)
    with Client(server.url) as client:
        assert ids(client) == [1, 2]


def test_a_busy_server_is_asked_again_when_it_says(stand_in) -> None:
    waits = []
    busy = [refusing(429, "rate_limited", "Retry-After: 1"), refusing(503, "too_many_streams", "Retry-After: 1")]
    server = stand_in(*busy, streaming(1), NO_MORE)
    with Client(server.url, on_wait=lambda error, pause_s: waits.append((error.code, pause_s))) as client:
        assert ids(client) == [1]
    assert waits == [("rate_limited", 1.0), ("too_many_streams", 1.0)]


def test_a_server_that_is_busy_for_longer_than_one_is_patient_is_an_error(stand_in) -> None:
    server = stand_in(refusing(503, "shutting_down", "Retry-After: 60"))
    with Client(server.url, patience_s=5) as client, pytest.raises(ClientError, match="shutting_down"):
        ids(client)


def test_streams_that_end_without_an_event_are_not_asked_for_for_ever(stand_in) -> None:
    server = stand_in(streaming(1), streaming())
    with Client(server.url, patience_s=0) as client, pytest.raises(NoServerError, match="at once"):
        ids(client)


def test_a_server_that_stays_away_is_an_error_in_the_end(stand_in) -> None:
    server = stand_in(streaming(1), b"")
    with Client(server.url, patience_s=1) as client:
        events = client.events("j")
        assert next(events).id == 1
        with pytest.raises(NoServerError, match="unreachable"):
            next(events)


@pytest.mark.parametrize(("status", "code"), [(401, "unauthorized"), (404, "not_found")])
def test_a_token_that_expires_and_a_job_that_is_gone_end_it(stand_in, status, code) -> None:
    server = stand_in(streaming(1), refusing(status, code))
    with Client(server.url) as client:
        events = client.events("j")
        assert next(events).id == 1
        with pytest.raises(ClientError, match=code) as caught:
            next(events)
    assert (caught.value.status, caught.value.request_id) == (status, "r-1")


@pytest.mark.parametrize(
    "other",
    [
        answer(200, "<html>", content_type="text/html"),
        answer(200, "data: [1]\n\n", content_type="text/event-stream"),
        answer(200, "data: no json\n\n", content_type="text/event-stream"),
    ],
)
def test_a_stream_that_is_not_ours_is_an_error_at_once(stand_in, other) -> None:
    with Client(stand_in(other).url) as client, pytest.raises(NoServerError, match="no gepa-next server"):
        ids(client)


def test_a_stream_is_followed_as_it_comes(service) -> None:
    job_id = service.create()
    service.begin(job_id)
    with service.served() as url, Client(url, TOKEN) as client:
        events = client.events(job_id)
        for expected in range(1, 5):
            assert next(events).id == expected
            service.tell(job_id)
        service.client().delete(f"/v1/optimize/{job_id}")
        assert [event.type for event in events] == ["progress", "cancelled"]


def test_what_has_ended_and_was_seen_to_the_end_has_no_more(service) -> None:
    job_id = service.finished_job()
    with service.served() as url, Client(url, TOKEN, patience_s=20) as client:
        every = list(client.events(job_id))
        assert [event.id for event in every] == list(range(1, len(every) + 1))
        assert list(client.events(job_id, after=every[-1].id)) == []


def test_a_server_is_killed_and_started_again_under_it(serve, provider) -> None:
    server = serve(SERVE, **provider.variables)
    port = server.url.rpartition(":")[2]
    with Client(server.url, TOKEN, patience_s=60) as client:
        job = client.optimize("Add.", examples=EXAMPLES, iterations=1, population=1)
        events = client.events(job.job_id)
        found = list(islice(events, 2))
        provider.wait_for_calls()
        for pid in server.alive():
            os.kill(pid, signal.SIGKILL)
        server.stop()
        serve([*SERVE[:-1], port], **provider.variables)
        provider.open_gate()
        found += events
        assert [event.id for event in found] == list(range(1, len(found) + 1))
        assert found[-1].type == "finished"
        assert "resumed" in {event.type for event in found}
        assert client.wait(job.job_id).status == "finished"
