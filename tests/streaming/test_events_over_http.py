"""A job's events over HTTP: headers, resumption, any number of clients, and none that slows another."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
import requests

from tests.support.service import OTHER_TOKEN, TOKEN, open_service
from tests.support.sse import open_stream, read_events, read_frames

TIMEOUT_S = 20.0


def ids(frames) -> list[int]:
    return [frame.id for frame in frames]


@pytest.fixture
def follow(url, job_id):
    """Open streams of the job, closed at the end."""
    opened = []

    def opening(last_event_id: str | None = None, query: str = "") -> requests.Response:
        opened.append(open_stream(url, job_id, token=TOKEN, last_event_id=last_event_id, query=query))
        return opened[-1]

    yield opening
    for each in opened:
        each.close()


def end(service, job_id) -> None:
    service.client().delete(f"/v1/optimize/{job_id}")


def wait_for(condition) -> None:
    deadline = time.monotonic() + TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)


def test_the_headers_keep_proxies_from_waiting(follow) -> None:
    answer = follow()
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-cache, no-transform"
    assert answer.headers["X-Accel-Buffering"] == "no"
    assert "Content-Length" not in answer.headers


def test_retry_comes_first_then_ids_from_1_without_gaps(service, job_id, follow) -> None:
    service.tell(job_id, 3)
    answer = follow()
    end(service, job_id)
    frames = list(read_frames(answer))
    assert frames[0].fields == {"retry": "1234"}
    found = [frame for frame in frames if frame.is_event]
    assert ids(found) == [1, 2, 3, 4, 5]
    assert [frame.type for frame in found] == ["started", "progress", "progress", "progress", "cancelled"]


def test_an_envelope_says_what_its_frame_says(service, job_id, follow) -> None:
    end(service, job_id)
    for frame in read_events(follow()):
        assert set(frame.envelope) == {"id", "type", "schema_version", "job_id", "ts", "data"}
        assert (frame.envelope["id"], frame.envelope["type"]) == (frame.id, frame.type)
        assert frame.envelope["job_id"] == job_id


def test_an_idle_stream_beats_over_http(follow) -> None:
    beats = (frame for frame in read_frames(follow()) if frame.is_heartbeat)
    assert next(beats)
    assert next(beats)


def test_two_clients_and_a_late_third_get_the_same(service, job_id, follow) -> None:
    with ThreadPoolExecutor(2) as pool:
        early = [pool.submit(read_events, follow()) for _ in range(2)]
        for _ in range(20):
            service.tell(job_id, 10)
        end(service, job_id)
        found = [each.result(TIMEOUT_S) for each in early]
    found.append(read_events(follow()))
    assert found[0] == found[1] == found[2]
    assert ids(found[0]) == list(range(1, 203))


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        (("3", ""), 4), ((None, "?last_event_id=3"), 4), (("3", "?last_event_id=1"), 4), (("x", "?last_event_id=3"), 1),
        (("", "?last_event_id=3"), 1), ((None, ""), 1), (("0", ""), 1),
    ],
)  # fmt: skip
def test_a_client_goes_on_where_it_was_and_the_header_beats_the_query(service, job_id, follow, asked, first) -> None:
    service.tell(job_id, 4)
    end(service, job_id)
    assert ids(read_events(follow(*asked))) == list(range(first, 7))


@pytest.mark.parametrize("garbage", ["abc", "-1", "1.5", "²", "٣", "1_0", "0x1", " ", "1;2", "9" * 5000])
def test_a_last_event_id_that_is_no_number_means_the_whole_history(service, job_id, follow, garbage) -> None:
    end(service, job_id)
    assert ids(read_events(follow(query=f"?last_event_id={garbage}"))) == [1, 2]


@pytest.mark.parametrize("header", ["²", "abc", "-1"])
def test_so_does_one_in_the_header(service, job_id, url, header) -> None:
    end(service, job_id)
    headers = {"Authorization": f"Bearer {TOKEN}", "Last-Event-ID": header.encode("latin-1")}
    answer = requests.get(f"{url}/v1/optimize/{job_id}/events", headers=headers, stream=True, timeout=TIMEOUT_S)
    assert ids(read_events(answer)) == [1, 2]


@pytest.mark.parametrize("beyond", ["3", "999999999999999999", "9" * 30])
def test_an_id_that_is_not_the_job_s_means_the_whole_history_while_it_runs(service, job_id, follow, beyond) -> None:
    answer = follow(beyond)
    end(service, job_id)
    assert ids(read_events(answer)) == [1, 2]


@pytest.mark.parametrize("last", ["2", "3", "999999999999999999", "9" * 30, "0002"])
def test_a_client_that_has_all_of_an_ended_job_is_told_to_stop(service, job_id, follow, last) -> None:
    end(service, job_id)
    answer = follow(last)
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["X-Request-ID"]


def test_a_client_that_lacks_the_last_event_of_an_ended_job_gets_it(service, job_id, follow) -> None:
    end(service, job_id)
    assert ids(read_events(follow("1"))) == [2]


def test_an_ending_that_was_followed_by_more_is_not_the_end(service, job_id, follow) -> None:
    service.tell(job_id, kind="failed")
    service.tell(job_id, kind="resumed")
    answer = follow("2")
    end(service, job_id)
    assert ids(read_events(answer)) == [3, 4]


def test_no_event_has_a_name_that_browsers_use(service, url) -> None:
    found = read_events(open_stream(url, service.finished_job(), token=TOKEN))
    assert {frame.type for frame in found} <= {"started", "progress", "resumed", "finished", "failed", "cancelled"}
    assert found[-1].type == "finished"


def test_the_last_event_carries_the_result(service, url) -> None:
    job_id = service.finished_job()
    found = read_events(open_stream(url, job_id, token=TOKEN))
    assert found[-1].envelope["data"] == service.client().get(f"/v1/optimize/{job_id}").json["result"]


def test_a_job_that_has_not_begun_can_be_followed(service, url) -> None:
    waiting = service.create()
    answer = open_stream(url, waiting, token=TOKEN)
    end(service, waiting)
    assert ids(read_events(answer)) == [1]


def test_the_number_of_clients_rises_and_falls(service, follow) -> None:
    answers = [follow() for _ in range(3)]
    streams = [read_frames(answer) for answer in answers]
    assert all(next(stream) for stream in streams)
    clients = lambda: service.client().get("/v1/metricsz").json["sse_clients"]  # noqa: E731 - asked twice
    assert clients() == 3
    for answer in answers:
        answer.close()
    wait_for(lambda: clients() == 0)


def test_too_many_clients_are_503_with_when_to_come_back(tmp_path) -> None:
    service = open_service(tmp_path, max_sse_clients=1)
    job_id = service.create()
    with service.served() as url, open_stream(url, job_id, token=TOKEN) as first:
        frames = read_frames(first)
        next(frames)
        refused = open_stream(url, job_id, token=TOKEN)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "too_many_streams")
        assert int(refused.headers["Retry-After"]) > 0
    service.close()


def test_too_many_clients_of_one_owner_are_429_and_another_owner_s_come_in(tmp_path) -> None:
    service = open_service(tmp_path, owner_max_streams=1)
    mine, theirs = service.create(), service.create(token=OTHER_TOKEN)
    with service.served() as url, open_stream(url, mine, token=TOKEN) as first:
        frames = read_frames(first)  # kept: the connection would be closed with it
        next(frames)
        refused = open_stream(url, mine, token=TOKEN)
        assert (refused.status_code, refused.json()["error"]["code"]) == (429, "too_many_streams_of_owner")
        assert int(refused.headers["Retry-After"]) > 0
        with open_stream(url, theirs, token=OTHER_TOKEN) as other:
            assert next(read_frames(other))
    service.close()


def test_a_client_that_has_gone_is_in_nobodys_way(tmp_path) -> None:
    with closing(open_service(tmp_path, max_sse_clients=1, sse_ping_interval_s=3600)) as service:
        job_id = service.create()
        service.begin(job_id)
        with service.served() as url:
            with open_stream(url, job_id, token=TOKEN) as first:
                frames = read_frames(first)
                assert next(frames)
                assert open_stream(url, job_id, token=TOKEN).status_code == 503
            with open_stream(url, job_id, token=TOKEN) as second:  # at once, long before a heartbeat
                assert second.status_code == 200


def stalled_client(url, job_id) -> socket.socket:
    """Ask for the events and read none."""
    host, port = url.removeprefix("http://").split(":")
    head = f"GET /v1/optimize/{job_id}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    stalled = socket.socket()
    stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stalled.connect((host, int(port)))
    stalled.sendall(head.encode())
    return stalled


def test_a_client_that_reads_nothing_is_cut_off_when_its_stream_should_have_ended(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("gepa_next.streaming.stream.STALL_S", 0.1)
    with closing(open_service(tmp_path, sse_ping_interval_s=0.05, max_stream_age_s=1)) as service:
        job_id = service.create()
        service.begin(job_id)
        service.tell(job_id, 2000, text="x" * 5000)  # more than the kernel holds for a client
        with service.served() as url, stalled_client(url, job_id):
            wait_for(lambda: service.parts.places.taken == 1)
            wait_for(lambda: service.parts.places.taken == 0)


def test_a_client_that_does_not_read_slows_nobody(service, job_id, url, follow) -> None:
    with stalled_client(url, job_id), ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read_events, follow())
        for _ in range(20):
            service.tell(job_id, 50, text="x" * 5000)
        end(service, job_id)
        assert ids(reading.result(TIMEOUT_S)) == list(range(1, 1003))


def test_a_server_that_goes_ends_its_streams(service, follow) -> None:
    answer = follow()
    frames = read_frames(answer)
    next(frames)
    service.parts.tailer.stop()
    assert [frame for frame in frames if frame.is_event and frame.id > 1] == []
