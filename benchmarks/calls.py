"""Model calls: what the client adds to a bare request, 200 calls in flight, and a job beside its critical path.

make bench
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import requests
from pydantic import SecretStr

from benchmarks.engine import EXAMPLES, SPEC, new_job
from benchmarks.model_server import answer_text, model_served
from gepa_next.app import create_runner
from gepa_next.config import Settings
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Message, ModelCall, Role
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.structured import read_reply
from gepa_next.llm.transport import Transport
from gepa_next.llm.turnstile import Lane, Turnstile
from gepa_next.metrics import METRICS
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.new_jobs import insert_job

ROUNDS, CALLS = 7, 300
IN_FLIGHT, LATENCY_S, WAVES = 200, 1.0, 5
JOB_LATENCY_S, JOB_IN_FLIGHT = 0.05, 50
JOB = replace(SPEC, iterations=100, population=6, budget=Budget(max_rollouts=630, target_score=1.0))
TIMEOUT_S = 30
CALL = ModelCall(role=Role.TARGET, key="k", messages=(Message("system", "Answer. ++"), Message("user", "Say 1.")))


def main() -> None:
    gate()
    client()
    in_flight()
    job()


def gate() -> None:
    """Print what it costs a call to pass the turnstile when nobody is in its way."""
    lane = Lane(Turnstile())
    took = median(timed(lambda: lane.through(lane.turn(), lambda: None, lambda: None)) for _ in range(ROUNDS))
    print(f"the turnstile: {took * 1e6:.1f} µs a call", flush=True)


def client() -> None:
    """Print the time of a call against that of the same request made with nothing but requests."""
    with model_served(0.0) as url, closing(Provider(Endpoint(url, "key"))) as provider, requests.Session() as session:
        model = HttpModel(provider=provider, model_id="bench", lane=Lane(Turnstile(), provider.throttle))
        pairs = [(timed(lambda: bare(session, url)), timed(lambda: model(CALL))) for _ in range(ROUNDS)]
    without, with_us = (median(column) for column in zip(*pairs, strict=True))
    print(
        f"a model call: {median(ours / theirs for theirs, ours in pairs):.2f} x a bare requests.post"
        f" ({with_us * 1e6:.0f} µs against {without * 1e6:.0f} µs, one connection)",
        flush=True,
    )


def bare(session: requests.Session, url: str) -> str:
    messages = [{"role": each.role, "content": each.content} for each in CALL.messages]
    answer = session.post(
        f"{url}/chat/completions",
        json={"model": "bench", "messages": messages},
        headers={"Authorization": "Bearer key"},
        timeout=TIMEOUT_S,
    )
    return str(answer.json()["choices"][0]["message"]["content"])


def timed(ask: Callable[[], object]) -> float:
    started = time.perf_counter()
    for _ in range(CALLS):
        ask()
    return (time.perf_counter() - started) / CALLS


def in_flight() -> None:
    """Print how long calls to a slow model take against the least they could, many at once."""
    with model_served(LATENCY_S) as url:
        for waves in (1, WAVES):
            took = median(waves_took(url, waves) for _ in range(3))
            print(
                f"{IN_FLIGHT} calls in flight, {IN_FLIGHT * waves} calls of {LATENCY_S:.0f} s:"
                f" {took / waves / LATENCY_S:.2f} x the ideal",
                flush=True,
            )


def waves_took(url: str, waves: int) -> float:
    transport = Transport(connections=IN_FLIGHT)
    with (
        closing(Provider(Endpoint(url, "key"), transport=transport)) as provider,
        ThreadPoolExecutor(IN_FLIGHT) as pool,
    ):
        model = HttpModel(provider=provider, model_id="bench", lane=Lane(Turnstile(), provider.throttle))
        started = time.perf_counter()
        list(pool.map(model, [CALL] * IN_FLIGHT * waves))
        return time.perf_counter() - started


def job() -> None:
    """Print how long a job takes, every call committed twice, against its critical path."""
    path_s, rollouts = critical_path()
    with model_served(JOB_LATENCY_S) as url:
        took = median(job_took(url, rollouts) for _ in range(ROUNDS))
    print(
        f"a job of {rollouts} rollouts with {JOB_LATENCY_S * 1e3:.0f} ms models, {JOB_IN_FLIGHT} in flight:"
        f" {took / path_s:.2f} x its critical path ({took:.2f} s against {path_s:.2f} s)",
        flush=True,
    )


def critical_path() -> tuple[float, int]:
    """Return how long the job's calls take if nothing else takes any time, and its rollouts."""
    waves = 0

    def fan_out(function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        nonlocal waves
        made = [function(item) for item in items]
        waves += -(-len(made) // JOB_IN_FLIGHT)
        return made

    state = State(JOB.task(EXAMPLES))
    run = Run(
        state=state,
        model=at_once,
        fan_out=fan_out,
        control=lambda _, reason=None: reason,
        metric=METRICS["exact_match"](),
    )
    for _ in optimize(run):
        pass
    return waves * JOB_LATENCY_S, state.rollouts_used


def at_once(call: ModelCall) -> Completion:
    """Answer as the model server does."""
    body: dict[str, object] = {"messages": [{"role": each.role, "content": each.content} for each in call.messages]}
    text = answer_text(body | ({"response_format": {}} if call.reply_type else {}))
    return Completion(text=text, reply=read_reply(text, call.reply_type) if call.reply_type else None)


def job_took(url: str, rollouts: int) -> float:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            _env_file=None,
            require_auth=False,
            max_concurrent_calls=JOB_IN_FLIGHT,
            database_path=Path(folder, "bench.sqlite3"),
            llm_base_url=url,
            llm_api_key=SecretStr("key"),
            target_model_default="bench",
            judge_model_id="bench",
            judge_check_interval_s=0,
        )
        database = Database(settings.database_path)
        insert_job(database, new_job("bench", JOB))
        runner = create_runner(settings, database)
        changed = threading.Event()
        database.listen(changed.set)
        runner.start()
        while not (found := get_job(database, "bench")).status.terminal:
            changed.wait(TIMEOUT_S)
            changed.clear()
        runner.drain(TIMEOUT_S)
        database.close()
        if found.rollouts != rollouts:
            raise SystemExit(f"another job than the one compared with: {found}")
        return (found.finished_at or 0.0) - (found.started_at or 0.0)


if __name__ == "__main__":
    main()
