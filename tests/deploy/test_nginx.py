"""The shipped site in nginx before a real server: streams pass at once, slow and crooked clients do no harm."""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from gepa_next.api.edge.headers import EVERYWHERE
from tests.deploy.site import NGINX, TIMEOUT_S, Site, free_port, opened_site
from tests.e2e.processes import SERVE, Server, start, wait_for
from tests.support.service import SMALL_JOB, TOKEN

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

SLOW = 150
HSTS = "Strict-Transport-Security"
HEAD = f"Host: 127.0.0.1\r\nAuthorization: Bearer {TOKEN}\r\n"
HIDDEN_BODY = '{"id": "smuggled", "input": "x"}'
HIDDEN = (
    f"POST /v1/examples HTTP/1.1\r\n{HEAD}Content-Type: application/json\r\n"
    f"Content-Length: {len(HIDDEN_BODY)}\r\n\r\n{HIDDEN_BODY}"
)
CHUNKED = f"0\r\n\r\n{HIDDEN}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = start(SERVE, tmp_path_factory.mktemp("server"), TRUSTED_PROXIES="1", RATE_LIMIT_PER_MIN="0")
    yield server
    server.stop()


@pytest.fixture(scope="module")
def site(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with opened_site(tmp_path_factory.mktemp("nginx"), int(server.url.rpartition(":")[2])) as site:
        yield site


@pytest.fixture(scope="module")
def client(site: Site) -> Iterator[requests.Session]:
    with site.session() as session:
        session.headers["Authorization"] = f"Bearer {TOKEN}"
        yield session


def test_a_job_is_made_and_its_events_pass(site: Site, client: requests.Session) -> None:
    made = client.post(f"{site.url}/v1/optimize", json=SMALL_JOB, timeout=TIMEOUT_S)
    assert made.status_code == 201
    with client.get(site.url + made.json()["links"]["events"], stream=True, timeout=TIMEOUT_S) as stream:
        kinds = [line for line in stream.iter_lines() if line.startswith(b"event: ")]
    assert kinds[0] == b"event: started"
    assert kinds[-1] == b"event: finished"


def test_an_event_passes_while_the_stream_goes_on(site: Site, client: requests.Session) -> None:
    slow = SMALL_JOB | {"iterations": 100, "budget": {"max_rollouts": 100_000}, "population": 8}
    job_id = client.post(f"{site.url}/v1/optimize", json=slow, timeout=TIMEOUT_S).json()["job_id"]
    with client.get(f"{site.url}/v1/optimize/{job_id}/events", stream=True, timeout=TIMEOUT_S) as stream:
        assert next(stream.iter_lines()).startswith(b"retry: ")
        assert client.get(f"{site.url}/v1/optimize/{job_id}", timeout=TIMEOUT_S).status_code == 200
    client.delete(f"{site.url}/v1/optimize/{job_id}", timeout=TIMEOUT_S)


def test_a_stream_token_is_in_no_log_of_nginx(site: Site, client: requests.Session) -> None:
    path, query = "/v1/optimize/canary-job/events", "?stream_token=canary-7f3a"
    for address, status in ((site.url + path, 401), (f"{site.url}{path}/", 404), (site.plain_url + path, 301)):
        answer = client.get(address + query, headers={"Authorization": ""}, timeout=TIMEOUT_S, allow_redirects=False)
        assert answer.status_code == status
    assert client.get(f"{site.url}/v1/optimize/another-job", timeout=TIMEOUT_S).status_code == 404
    log = site.folder / "access.log"
    wait_for(lambda: "another-job" in log.read_text())  # a line is written after its answer
    assert "canary" not in log.read_text()


def test_what_a_browser_needs_to_stay_with_tls_is_said(site: Site, client: requests.Session) -> None:
    headers = client.get(f"{site.url}/login", timeout=TIMEOUT_S).headers
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers["Server"] == "nginx"


def test_a_cookie_that_came_over_tls_goes_over_tls_only(site: Site, client: requests.Session) -> None:
    logged_in = client.post(
        f"{site.url}/login",
        data={"token": TOKEN},
        headers={"Authorization": None, "Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
        timeout=TIMEOUT_S,
    )
    assert logged_in.status_code == 303
    assert "; Secure" in logged_in.headers["Set-Cookie"]


def test_clients_that_never_finish_a_request_hold_up_nobody(site: Site, client: requests.Session) -> None:
    beginnings = (
        b"GET /v1/healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
        f"POST /v1/optimize HTTP/1.1\r\n{HEAD}Content-Length: 100000\r\n\r\n{{".encode(),
    )
    with contextlib.ExitStack() as slow:
        for number in range(SLOW):
            slow.enter_context(site.connect()).sendall(beginnings[number % 2])
        assert client.get(f"{site.url}/v1/healthz", timeout=TIMEOUT_S).json() == {"status": "ok"}
        made = client.post(f"{site.url}/v1/optimize", json=SMALL_JOB, timeout=TIMEOUT_S)
        assert made.status_code == 201


@pytest.mark.parametrize(
    "framing",
    [
        f"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        f"Transfer-Encoding: chunked\r\nContent-Length: {len(CHUNKED)}\r\n\r\n{CHUNKED}",
        f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding : chunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding: xchunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding:\x0bchunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding: identity, chunked\r\n\r\n{CHUNKED}",
        f"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\nContent-Length: 0\r\n\r\n{CHUNKED}",
        f"Content-Length: +0\r\n\r\n{HIDDEN}",
        f"Content-Length: 0x0\r\n\r\n{HIDDEN}",
        f"Content-Length: -1\r\n\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff0\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\n0;x=\n\n\r\n{HIDDEN}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding:\r\n chunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        f"Content-Length: {len(CHUNKED)}\r\nTransfer-Encoding: chunked, identity\r\n\r\n{CHUNKED}",
        f"Content-Length: 0, {len(HIDDEN)}\r\n\r\n{HIDDEN}",
        f"Content-Length: {len(CHUNKED)}\rTransfer-Encoding: chunked\r\n\r\n{CHUNKED}",
        f'Transfer-Encoding: chunked\r\n\r\n0;a="\r\n\r\n{HIDDEN}',
        f"Transfer-Encoding: chunked\r\n\r\n2;\nxx\r\n0\r\n\r\n{HIDDEN}",
        f"Transfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 5\r\n\r\n{HIDDEN}",
        f"Content-Length: {len(HIDDEN)}\r\n\r\n{HIDDEN}",
    ],
)
def test_no_request_hides_in_the_body_of_another(site: Site, client: requests.Session, framing: str) -> None:
    said = site.say(f"GET /v1/healthz HTTP/1.1\r\n{HEAD}Connection: close\r\n{framing}".encode("latin-1"))
    assert said.count(b"HTTP/1.1 ") <= 1
    assert b"201" not in said.split(b"\r\n", 1)[0]
    assert client.get(f"{site.url}/v1/examples/smuggled", timeout=TIMEOUT_S).status_code == 404


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /v1/healthz",
        "GET  /v1/healthz HTTP/1.1",
        "GET /v1/healthz HTTP/9.9",
        "\x00",
        "GET /\x01 HTTP/1.1",
        "GET * HTTP/1.1",
    ],
)
def test_what_is_no_request_gets_a_4xx_or_nothing(site: Site, request_line: str) -> None:
    said = site.say(f"{request_line}\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode())
    assert b" 500 " not in said[:40]
    assert b" 502 " not in said[:40]
    assert site.say(f"GET /v1/healthz HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()).startswith(b"HTTP/1.1 200")


def test_where_a_client_says_it_comes_from_is_not_believed(site: Site) -> None:
    with site.session() as session:
        answers = [
            session.get(
                f"{site.url}/v1/optimize",
                headers={"Authorization": "Bearer wrong", "X-Forwarded-For": f"10.0.0.{number}"},
                timeout=TIMEOUT_S,
            ).status_code
            for number in range(40)
        ]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_a_body_beyond_the_limit_is_refused_before_it_is_sent_on(site: Site, client: requests.Session) -> None:
    answer = client.post(f"{site.url}/v1/optimize", data=b"x" * (4 * 2**20 + 1), timeout=TIMEOUT_S)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "payload_too_large"


def test_what_nginx_refuses_itself_has_the_shape_of_all_errors(site: Site) -> None:
    head, _, body = site.say(b"GET /\x01 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400")
    assert json.loads(body)["error"]["code"] == "invalid_request"


@pytest.mark.parametrize("path", ["/errors/away", "/errors/nothing", "/errors/", "/errors/else"])
def test_what_nginx_answers_its_own_errors_from_is_no_address_of_the_service(
    site: Site, client: requests.Session, path: str
) -> None:
    answer = client.get(site.url + path, timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("path", "given", "kept"),
    [
        ("/v1/healthz", "a-job-of-mine", True),
        ("/v1/healthz", '{"a":"\\"}', True),
        ("/v1/healthz", "a" * 128, True),
        ("/v1/healthz", "a" * 129, False),
        ("/v1/healthz", "two words", False),
        ("/errors/away", "a-job-of-mine", True),
        ("/errors/away", "[a]", True),
        ("/errors/away", 'a"b', False),
        ("/errors/away", "a\\", False),
    ],
)
def test_the_request_id_of_a_client_is_kept_if_it_is_good(
    site: Site, client: requests.Session, path: str, given: str, *, kept: bool
) -> None:
    answer = client.get(site.url + path, headers={"X-Request-ID": given}, timeout=TIMEOUT_S)
    said = answer.headers["X-Request-ID"]
    assert said == given if kept else (said != given and len(said) == 32)
    if answer.status_code == 404:
        assert answer.json()["error"]["request_id"] == said


def test_a_server_that_is_away_is_said_to_be_so(tmp_path: Path) -> None:
    with opened_site(tmp_path, free_port()) as site, site.session() as session:
        answer = session.get(f"{site.url}/v1/healthz", timeout=TIMEOUT_S)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer.json()["error"]["request_id"]


def headers_of(said: bytes) -> dict[str, list[str]]:
    """Return the headers of the first answer, each as often as it is there."""
    found: dict[str, list[str]] = {}
    for line in said.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize(
    ("request_text", "status"),
    [
        (f"GET /login HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n", 303),
        (f"GET /v1/optimize HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n", 200),
        (f"POST /v1/optimize HTTP/1.1\r\n{HEAD}Content-Length: 99999999\r\n\r\n", 413),
        (f"GET /\x01 HTTP/1.1\r\n{HEAD}\r\n", 400),
        ("GET /v1/healthz HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 404),
    ],
)
def test_the_headers_that_protect_are_in_every_answer_once(site: Site, request_text: str, status: int) -> None:
    said = site.say(request_text.encode())
    assert said.startswith(f"HTTP/1.1 {status} ".encode())
    headers = headers_of(said)
    assert {name: len(headers.get(name, [])) for name in (*EVERYWHERE, HSTS, "X-Request-ID")} == dict.fromkeys(
        (*EVERYWHERE, HSTS, "X-Request-ID"), 1
    )
    if status in {400, 404, 413}:
        assert {name: headers[name][0] for name in EVERYWHERE} == EVERYWHERE


def test_an_answer_for_a_server_that_is_away_has_them_too(tmp_path: Path) -> None:
    with opened_site(tmp_path, free_port()) as site:
        headers = headers_of(site.say(f"GET /v1/healthz HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()))
    assert {name: headers.get(name) for name in EVERYWHERE} == {name: [value] for name, value in EVERYWHERE.items()}


def test_a_site_answers_to_its_own_name_alone(site: Site, client: requests.Session) -> None:
    for name, status in (("evil.example", 404), ("127.0.0.1", 200), (f"127.0.0.1:{site.port}", 200)):
        answer = client.get(f"{site.url}/v1/optimize", headers={"Host": name}, timeout=TIMEOUT_S)
        assert answer.status_code == status
    streamed = client.get(f"{site.url}/v1/optimize/a/events", headers={"Host": "evil.example"}, timeout=TIMEOUT_S)
    assert (streamed.status_code, streamed.json()["error"]["code"]) == (404, "not_found")


def test_without_tls_there_is_what_a_certificate_is_renewed_by_and_else_the_way_to_tls(site: Site) -> None:
    challenge = site.folder / ".well-known" / "acme-challenge" / "proof"
    challenge.parent.mkdir(parents=True)
    challenge.write_text("it is mine")
    with site.session() as session:
        proof = session.get(f"{site.plain_url}/.well-known/acme-challenge/proof", timeout=TIMEOUT_S)
        other = session.get(f"{site.plain_url}/jobs/a?b=c", allow_redirects=False, timeout=TIMEOUT_S)
    assert proof.text == "it is mine"
    assert (other.status_code, other.headers["Location"]) == (301, "https://127.0.0.1/jobs/a?b=c")
    assert {name: other.headers.get(name) for name in EVERYWHERE} == EVERYWHERE


@pytest.mark.parametrize(
    ("rest", "status"),
    [
        ("\nHost: 127.0.0.1\nConnection: close\n\n", 200),
        ("\r\nHost: 127.0.0.1\r\nX-Key: a\r\n b\r\n\r\n", 400),
        ("\r\nHost: 127.0.0.1\r\nX-Key: a\0b\r\n\r\n", 400),
        ("\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        ("\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ],
)
def test_nginx_takes_bare_line_feeds_and_refuses_what_else_the_server_refuses(
    site: Site, rest: str, status: int
) -> None:
    said = site.say(f"GET /v1/healthz HTTP/1.1{rest}".encode())
    assert said.startswith(f"HTTP/1.1 {status} ".encode())


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("version", ["--http1.1", "--http2"])
def test_a_refusal_has_the_same_shape_over_every_version_of_http(site: Site, tmp_path: Path, version: str) -> None:
    (tmp_path / "big").write_bytes(b"x" * (4 * 2**20 + 1))
    # Not by the address that may see the metrics.
    common = ["curl", "-s", version, "--cacert", site.authority, "--max-time", "20"]
    for address, path, code in (
        ("127.0.0.1", "/v1/examples", "payload_too_large"),
        ("127.0.0.2", "/v1/metrics", "forbidden"),
    ):
        body = ["--data-binary", f"@{tmp_path}/big"] if path == "/v1/examples" else []
        said = subprocess.run(
            [*common, "--interface", address, *body, site.url + path],
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert json.loads(said.stdout)["error"]["code"] == code
