"""A job from its creation to its artifacts, through the real server."""

import socket
from concurrent.futures import ThreadPoolExecutor

import requests

from gepa_next.client import Client
from tests.e2e.processes import AUTHORIZED, GUNICORN, TIMEOUT_S
from tests.support.service import EXAMPLES, SMALL_JOB, TOKEN


def check_whole_job(server) -> None:
    job_id = server.create()
    found = server.events(job_id)
    assert [frame.id for frame in found] == list(range(1, len(found) + 1))
    assert (found[0].type, found[-1].type) == ("started", "finished")
    state = server.state(job_id)
    assert (state["status"], state["simulated"]) == ("finished", True)
    assert found[-1].envelope["data"] == state["result"]
    for item in server.get(f"/v1/optimize/{job_id}/artifacts").json()["items"]:
        assert len(server.get(item["url"]).content) == item["bytes"]


def test_a_whole_job_over_http(server) -> None:
    check_whole_job(server)


def test_gunicorn_with_its_configuration_serves_the_same(serve) -> None:
    server = serve(GUNICORN)
    check_whole_job(server)
    server.stop()
    assert server.alive() == {}


def test_a_server_of_one_process_runs_jobs_and_stops(serve) -> None:
    server = serve(GUNICORN, RUNNER="thread")
    check_whole_job(server)
    server.stop()
    assert server.alive() == {}


def test_the_client_follows_a_job(server) -> None:
    with Client(server.url, TOKEN) as client:
        job = client.optimize("Add.", examples=EXAMPLES, iterations=1, population=1)
        events = list(client.events(job.job_id))
        assert [event.id for event in events] == list(range(1, len(events) + 1))
        assert client.wait(job.job_id).status == "finished"
        assert client.candidates(job.job_id)[0].text == "Add."


def test_without_a_token_nothing_is_told(server) -> None:
    answer = requests.get(f"{server.url}/v1/optimize", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def test_twenty_requests_at_once_are_one_job(server) -> None:
    headers = {**AUTHORIZED, "Idempotency-Key": "at-once"}

    def ask(_: int) -> requests.Response:
        return requests.post(f"{server.url}/v1/optimize", json=SMALL_JOB, headers=headers, timeout=TIMEOUT_S)

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(ask, range(20)))
    assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
    assert len({answer.json()["job_id"] for answer in answers}) == 1


def send(server, head: str, body: bytes) -> bytes:
    """Send a request as it is and return the status line."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        connection.sendall(f"POST {head}\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n".encode() + body)
        return connection.makefile("rb").readline()


def chunked(content_type: str, *chunks: bytes) -> bytes:
    frames = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks)
    return f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode() + frames + b"0\r\n\r\n"


def test_a_chunked_import_over_the_limit_is_refused_and_not_cut(server) -> None:
    line = b'{"input": "not to be kept"}\n' * 300
    status = send(server, "/v1/examples HTTP/1.1", chunked("application/x-ndjson", *[line] * 10))
    assert b" 413 " in status
    assert server.get("/v1/examples").json()["items"] == []


def test_a_chunked_job_is_read(server) -> None:
    status = send(server, "/v1/optimize HTTP/1.1", chunked("application/json", b'{"prom', b'pt": ""}'))
    assert b" 422 " in status


def test_a_broken_chunk_is_the_client_s_mistake(server) -> None:
    start = b"Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert b" 400 " in send(server, "/v1/optimize HTTP/1.1", start + b"zz\r\n{}\r\n0\r\n\r\n")
    assert server.is_ready()


def test_a_client_that_does_not_read_slows_nobody(server) -> None:
    job_id = server.create()
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as stalled:
        head = f"GET /v1/optimize/{job_id}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
        stalled.sendall(head.encode())
        assert server.events(job_id)[-1].type == "finished"
        assert server.events(server.create())[-1].type == "finished"
