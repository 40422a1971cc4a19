"""A key is sent to its endpoint and found nowhere else, although the endpoint sends it back in every way."""

import json
from pathlib import Path

import pytest

from tests.e2e.processes import Server
from tests.support.certificates import make_certificates
from tests.support.faults import Act, FaultServer, Play, answered, failed
from tests.support.service import EXAMPLES, TOKEN

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
    assert b"DEBUG" in running["server.log"]
    assert all("(key)" in told[name] for name in jobs)
    for role, play in plays.items():
        assert {request["headers"]["authorization"] for request in play.seen} == {f"Bearer {KEYS[role]}"}
        assert len(play.seen) > len(ECHOES[role])
