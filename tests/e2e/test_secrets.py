"""Keys go to their endpoints, tokens and what is made of them to the server, and are found nowhere else."""

import json
import os
import re
import socket
from pathlib import Path

import pytest
import requests

from gepa_next.tokens.lines import digest_of_token
from gepa_next.tokens.private_file import write_private
from tests.e2e.processes import BEHIND_NGINX, Server
from tests.support.certificates import make_certificates
from tests.support.faults import Act, FaultServer, Play, answered, failed
from tests.support.service import EXAMPLES, SMALL_JOB, TOKEN

KEYS = {role: f"sk-{role}-canary-3f9a77c2" for role in ("target", "judge", "reflector")}
SECRETS = (b"canary", b"3f9a77c2", TOKEN.encode())
PAGES = ("/v1/metrics", "/v1/metricsz", "/v1/version", "/v1/readyz", "/v1/examples", "/v1/optimize", "/v1/openapi.json")

ECHOES: dict[str, tuple[Act, ...]] = {
    "target": (
        failed(503, {"message": "{key}", "code": ["{key}"], "metadata": {"raw": "Bearer {key}"}}, x_echo="{key}"),
        {"act": "raw", "raw": "HTTP/1.1 200 OK\r\n{key}\r\n\r\nno JSON {key}"},
    ),
    "judge": (
        failed(429, "{key} asks too much", retry_after="{key}", location="https://{key}/", set_cookie="k={key}"),
        {"act": "raw", "raw": "HTTP/1.1 {key}\r\n\r\n"},
    ),
    "reflector": (
        {"headers": {"content-encoding": "{key}"}, "body": "{key}"},
        {"chunked": "{key}\r\n"},
    ),
}
LOCKED = failed(401, {"message": "x" * 275 + " {key}", "code": "{key}"})  # where the message is cut, half a key is left
PROPOSAL = {
    "lesson": "Say {key}.",
    "prompt": "Add the two numbers, {key}.",
    "addition": "Use {key}.",
    "inputs": [f"{n} + {n}, {{key}}" for n in range(12)],
}


SAYINGS = {
    "target": "The key is {key}, or sk-target%2Dcanary-3f9a77c2.",
    "judge": json.dumps({"feedback": "Wrong key: {key}", "score": 3}),
    "reflector": json.dumps(PROPOSAL),
}


@pytest.fixture
def plays(fault_server: FaultServer) -> dict[str, Play]:
    """Each role's endpoint: it quotes the key in errors, and then in all its answers."""
    return {
        role: fault_server.play_by_words((['"acme/locked"'], [LOCKED]), ([], [*ECHOES[role], answered(saying)]))
        for role, saying in SAYINGS.items()
    }


@pytest.fixture
def server(serve, tmp_path_factory: pytest.TempPathFactory, plays: dict[str, Play]) -> Server:
    made = make_certificates(tmp_path_factory.mktemp("certificates"))
    port = plays["target"].server.open_door("tls", made / "good.pem")
    url = {role: f"https://127.0.0.1:{port}/{play.name}/v1" for role, play in plays.items()}
    return serve(
        LLM_BASE_URL=url["target"], LLM_API_KEY=KEYS["target"], TARGET_MODEL_DEFAULT="acme/target",
        JUDGE_BASE_URL=url["judge"], JUDGE_API_KEY=KEYS["judge"], JUDGE_MODEL_ID="acme/judge",
        REFLECTION_BASE_URL=url["reflector"], REFLECTION_API_KEY=KEYS["reflector"],
        REFLECTION_MODEL_ID="acme/reflector", LLM_CA_FILE=str(made / "ca.pem"), LOG_LEVEL="DEBUG",
    )  # fmt: skip


def told_by(server: Server, job_id: str) -> str:
    """Return all that the service tells of a job."""
    of_job = f"/v1/optimize/{job_id}"
    urls = [item["url"] for item in server.get(f"{of_job}/artifacts").json()["items"]]
    return "\n".join(server.get(path).text for path in (of_job, f"{of_job}/candidates", f"{of_job}/events", *urls))


def found_in(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def check_log(text: bytes) -> None:
    """Check that both processes wrote lines of JSON and nothing else, and no prompt above DEBUG."""
    lines = [json.loads(line) for line in text.splitlines()]
    pid_of = {each["logger"]: each["pid"] for each in lines}
    assert pid_of["gunicorn.error"] != pid_of["gepa_next.runner.claiming"]
    assert "DEBUG" in {each["level"] for each in lines}
    above = json.dumps([each for each in lines if each["level"] != "DEBUG"])
    assert not [words for words in (SMALL_JOB["prompt"], "1 + 1", "Wrong key") if words in above]


def test_a_key_is_sent_to_its_endpoint_and_found_nowhere_else(
    server: Server, plays: dict[str, Play], tmp_path: Path
) -> None:
    jobs = {
        "finished": server.create(examples=EXAMPLES),
        "drafted": server.create(examples=[]),
        "failed": server.create(target_model_id="acme/locked"),
    }
    ends = {name: server.events(job_id)[-1].type for name, job_id in jobs.items()}
    assert ends == {"finished": "finished", "drafted": "finished", "failed": "failed"}
    told = {name: told_by(server, job_id) for name, job_id in jobs.items()}
    running = found_in(tmp_path)
    told |= {path: server.get(path).text for path in PAGES}
    server.stop()
    kept = {**running, **{f"{name} afterwards": data for name, data in found_in(tmp_path).items()}}
    kept |= {name: text.encode() for name, text in told.items()}
    assert [(name, secret) for name, data in kept.items() for secret in SECRETS if secret in data.lower()] == []
    assert {"e2e.sqlite3", "e2e.sqlite3-wal", "server.log"} <= running.keys()
    check_log(running["server.log"])
    assert all("(key)" in told[name] for name in jobs)
    for role, play in plays.items():
        assert {request["headers"]["authorization"] for request in play.seen} == {f"Bearer {KEYS[role]}"}
        assert len(play.seen) > len(ECHOES[role])


NAMED = "canary-token-0123456789"
HERE = {"Sec-Fetch-Site": "same-origin"}


def send(server: Server, text: str) -> None:
    """Send bytes that are no request, and wait for the end of the answer."""
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(text.encode())
        while connection.recv(65536):
            pass


def ask_in_every_way(server: Server, ask: requests.Session) -> tuple[list[str], list[str]]:
    """Show the token wherever one may be shown; return what is secret besides it, and what was answered."""
    bearer = {"Authorization": f"Bearer {NAMED}"}
    job_id = requests.post(f"{server.url}/v1/optimize", json=SMALL_JOB, headers=bearer, timeout=30).json()["job_id"]
    ask.delete(f"{server.url}/v1/optimize/{job_id}", headers=bearer, timeout=30)
    ask.post(f"{server.url}/login", data={"token": "canary-guess"}, headers=HERE, timeout=30)
    ask.post(f"{server.url}/login", data={"token": NAMED, "next": "/new"}, headers=HERE, timeout=30)
    stream = ask.post(f"{server.url}/v1/optimize/{job_id}/stream-token", headers=HERE, timeout=30).json()
    paths = ["/", f"/jobs/{job_id}", f"/v1/optimize/{job_id}", f"/v1/optimize/{job_id}/artifacts/receipt.json", *PAGES]
    answers = [ask.get(server.url + path, timeout=30).text for path in paths]
    answers.append(requests.get(server.url + stream["url"], timeout=30).text)
    answers.append(requests.get(f"{server.url}{stream['url']}x", timeout=30).text)
    wrong = [{"Authorization": each} for each in (f"Bearer {NAMED}x", f"Basic {NAMED}", NAMED)]
    answers += [requests.get(f"{server.url}/v1/optimize", headers=each, timeout=30).text for each in wrong]
    program = {**SMALL_JOB, "program_url": f"https://{NAMED}:{NAMED}@agents.example/"}
    answers.append(ask.post(f"{server.url}/v1/optimize", json=program, headers=bearer, timeout=30).text)
    send(server, f"GET /v1/optimize HTTP/1.1\r\nAuthorization Bearer {NAMED}\r\n\r\n")
    send(server, f"GET {stream['url']} x HTTP/1.1\r\n\r\n")
    return [stream["stream_token"], *ask.cookies.values()], answers


def test_a_token_and_what_is_made_of_it_are_found_nowhere(serve, tmp_path, tmp_path_factory) -> None:
    tokens = tmp_path_factory.mktemp("tokens") / "tokens"
    write_private(tokens, f"ada read,write {NAMED}", over=True)
    server = serve(
        API_TOKENS_FILE=str(tokens), LOG_LEVEL="DEBUG", LOG_FORMAT="text", METRICS_REQUIRE_AUTH="false", RUNNER="none"
    )
    write_private(tokens, f"ada read,write {NAMED} slip", over=True)
    with requests.Session() as ask:
        made, answers = ask_in_every_way(server, ask)
    running = found_in(tmp_path)
    server.stop()
    kept = [*running.items(), *found_in(tmp_path).items(), *(("answer", text.encode()) for text in answers)]
    assert len(made) == 2
    secrets = [each.encode() for each in ("canary", TOKEN, *made)]
    assert [(name, secret) for name, data in kept for secret in secrets if secret in data] == []
    digests = {name for name, data in kept if digest_of_token(NAMED).encode() in data}
    assert digests == {"e2e.sqlite3.tokens"}
    assert BEHIND_NGINX in os.environ or b"could not be read" in running["server.log"]  # nginx refuses such by itself
    assert b"tokens in use stay" in running["server.log"]
    assert not [line for line in running["server.log"].splitlines() if not re.match(rb"\d{4}-|    ", line)]
