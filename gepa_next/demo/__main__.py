"""`make demo`: the packaged job on a server of its own, followed in the terminal."""

import difflib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

import requests

from gepa_next.client import Client, Event, Job

DATABASE = Path("instance/demo.sqlite3")
TIMEOUT_S = 60
SMALL_MODEL = "gpt-5-mini"
NAMED = ("TARGET_MODEL_DEFAULT", "JUDGE_MODEL_ID")
WIDTH = 30
DONE, LEFT = "█", "·"


def main() -> None:
    """Start the server, run the job, show what became of it."""
    _forget_the_last()
    request = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
    with _server() as url, Client(url, timeout_s=TIMEOUT_S) as client:
        job = client.optimize(**request)
        _introduce(job, len(request["examples"]))
        for event in client.events(job.job_id):
            _show(event, job)
        _conclude(client, client.job(job.job_id), request["prompt"])


def _forget_the_last() -> None:
    """Remove the database of an earlier demonstration, which may be another version's."""
    for path in DATABASE.parent.glob(f"{DATABASE.name}*"):
        path.unlink()


@contextmanager
def _server() -> Iterator[str]:
    """Yield the URL of a server on a free loopback port; it ends with the block."""
    ours = {"DATABASE_PATH": str(DATABASE), "LOG_LEVEL": "ERROR", "JUDGE_CHECK_INTERVAL_S": "0"}
    environment = {**os.environ, **_models(os.environ), **ours}
    command = [sys.executable, "-m", "gepa_next", "serve", "--dev", "--host", "127.0.0.1", "--port", "0"]
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own
    try:
        said = server.stdout.readline() if server.stdout else ""
        address = re.search(r"http://\S+", said)
        if address is None:
            raise SystemExit("the server did not start")
        yield address[0]
    finally:
        server.terminate()
        server.wait(TIMEOUT_S)


def _models(environment: Mapping[str, str]) -> dict[str, str]:
    """Return models for a key or base URL that comes without: a small one everywhere, or what the endpoint has."""
    if all(environment.get(name) for name in NAMED):
        return {name: environment[name] for name in NAMED}
    if base_url := environment.get("LLM_BASE_URL"):
        model = _first_model(base_url, environment.get("LLM_API_KEY", ""))
    elif environment.get("OPENROUTER_API_KEY"):
        model = f"openai/{SMALL_MODEL}"
    elif environment.get("OPENAI_API_KEY"):
        model = SMALL_MODEL
    else:
        return {}
    return {name: environment.get(name) or model for name in NAMED}


def _first_model(base_url: str, key: str) -> str:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        answer = requests.get(f"{base_url.rstrip('/')}/models", headers=headers, timeout=TIMEOUT_S)
        return str(answer.json()["data"][0]["id"])
    except (requests.RequestException, ValueError, LookupError, TypeError):
        raise SystemExit(f"{base_url} does not say which models it has: set {' and '.join(NAMED)}") from None


def _introduce(job: Job, examples: int) -> None:
    print(f"job {job.job_id}: {examples} examples, of which {job.split['test']} are held out for the end")
    if job.simulated:
        print("simulated: no API key and no base URL is set, so the built-in simulator plays all three models")
    else:
        print(f"target {job.target_model_id}, judge {job.judge.model_id if job.judge else 'unknown'}")


def _show(event: Event, job: Job) -> None:
    """Draw one line over and over on a terminal, one line an iteration elsewhere."""
    stage = event.data.get("stage")
    if stage not in {"seed", "iteration"}:
        return
    done, total = event.data["iteration"], job.iterations
    filled = round(WIDTH * done / total)
    bar = DONE * filled + LEFT * (WIDTH - filled)
    cost = event.data["cost_usd"]
    price = "cost unknown" if cost is None else f"{cost:.2f} USD"
    line = f"{bar} {done}/{total}  best {event.data['best_score']:.2f}  {event.data['calls']} calls  {price}"
    print(f"\r{line}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)


def _conclude(client: Client, job: Job, seed_prompt: str) -> None:
    print()
    if job.result is None:
        raise SystemExit(f"the job {job.status}: {job.error.message if job.error else ''}")
    result = job.result
    print("".join(_diff(seed_prompt, result.prompt)))
    print(client.artifact(job.job_id, "lessons.md"))
    print(result.says)
    print(f"verdict: {result.verdict} (simulated, on {job.split['test']} examples that nothing saw before)")
    print(f"look next: DATABASE_PATH={DATABASE} {sys.executable} -m gepa_next --dev")
    print(f"           then http://127.0.0.1:8000/jobs/{job.job_id} in a browser, and {job.links['artifacts']}")
    print(f"seed score: {_score(result.seed_score)}")
    print(f"champion score: {_score(result.score)}")


def _score(score: float | None) -> str:
    return "none" if score is None else f"{score:.2f}"


def _diff(before: str, after: str) -> Iterator[str]:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), "seed prompt", "champion", lineterm="")
    return (f"{line}\n" for line in lines)


if __name__ == "__main__":
    main()
