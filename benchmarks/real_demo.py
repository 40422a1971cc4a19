"""One task on real language models, for several seeds: held-out score before and after, calls and wall time.

make real-demo TARGET_URL=http://127.0.0.1:8091/v1 REFLECTION_URL=http://127.0.0.1:8092/v1 DATA=orders.jsonl
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks.server import running_server
from gepa_next.client import Client, ExampleOptions

TIMEOUT_S = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one seed came to."""

    seed: int
    job: dict[str, Any]
    wall_s: float


def main() -> None:
    options = _options()
    examples = [json.loads(line) for line in Path(options.data).read_text(encoding="utf-8").splitlines() if line]
    with tempfile.TemporaryDirectory() as folder:
        environment = _environment(options, Path(folder, "real.sqlite3"))
        with running_server(environment) as server, Client(server.url, timeout_s=TIMEOUT_S) as client:
            outcomes = [_run(client, options, examples, seed) for seed in options.seeds]
    _report(outcomes, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target-url", required=True)
    parser.add_argument("--reflection-url", required=True)
    parser.add_argument("--data", required=True, help="JSON lines of {input, ideal}")
    parser.add_argument("--prompt", default="Extract the order.")
    parser.add_argument("--metric", default="exact_match")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--iterations", type=int, default=8)
    parser.add_argument("--population", type=int, default=3)
    parser.add_argument("--minibatch", type=int, default=4)
    parser.add_argument("--max-rollouts", type=int, default=250)
    parser.add_argument("--max-tokens", type=int, default=48)
    parser.add_argument("--concurrency", type=int, default=4)
    return parser.parse_args()


def _environment(options: argparse.Namespace, database: Path) -> dict[str, str]:
    reflector = model_at(options.reflection_url)
    return {
        "DATABASE_PATH": str(database),
        "LLM_BASE_URL": options.target_url,
        "TARGET_MODEL_DEFAULT": model_at(options.target_url),
        "REFLECTION_BASE_URL": options.reflection_url,
        "REFLECTION_MODEL_ID": reflector,
        "JUDGE_BASE_URL": options.reflection_url,
        "JUDGE_MODEL_ID": reflector,
        "MAX_CONCURRENT_CALLS": str(options.concurrency),
        "LLM_TIMEOUT_S": "300",
        "JUDGE_CHECK_INTERVAL_S": "0",
    }


def model_at(url: str) -> str:
    answer: Any = requests.get(f"{url.rstrip('/')}/models", timeout=10).json()
    return str(answer["data"][0]["id"])


def _run(client: Client, options: argparse.Namespace, examples: list[ExampleOptions], seed: int) -> Outcome:
    started = time.monotonic()
    job = client.optimize(
        options.prompt,
        examples=examples,
        metric=options.metric,
        iterations=options.iterations,
        population=options.population,
        minibatch=options.minibatch,
        budget={"max_rollouts": options.max_rollouts},
        temperature=0,
        max_tokens=options.max_tokens,
        seed=seed,
    )
    for event in client.events(job.job_id):
        if event.data.get("stage") in {"seed", "select", "guard", "iteration", "test"}:
            print(f"  {event.data['elapsed_s']:6.0f} s  {_line(event.data)}", flush=True)
    return Outcome(seed=seed, job=client.job(job.job_id).raw, wall_s=time.monotonic() - started)


def _line(data: dict[str, Any]) -> str:
    shown = ("stage", "candidate_id", "operator", "decision", "reason", "score", "validation_score", "best_score")
    parts = (f"{name}={data[name]:.2f}" if isinstance(data[name], float) else f"{name}={data[name]}"
             for name in shown if data.get(name) is not None)  # fmt: skip
    return " ".join(parts)


def _report(outcomes: list[Outcome], options: argparse.Namespace) -> None:
    print(
        "\n| seed | held-out n | seed prompt | champion | 95 % interval | verdict | target calls | reflections | wall |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for each in outcomes:
        result, usage = each.job["result"], each.job["usage"]["by_role"]
        if result is None or result["test"] is None:
            print(f"| {each.seed} | {each.job['status']} {each.job['error']} |")
            continue
        test = result["test"]
        low, high = test["interval"]
        print(
            f"| {each.seed} | {test['n']} | {test['seed_score']:.0%} | {test['score']:.0%} | {low:+.2f} to {high:+.2f} "
            f"| {result['verdict']} | {usage['target']['calls']} | {usage['reflector']['calls']} "
            f"| {each.wall_s:.0f} s |"
        )
    for each in outcomes:
        if each.job["result"]:
            print(f"\nseed {each.seed}, before:\n\n{options.prompt}\n\nafter:\n\n{each.job['result']['prompt']}")


if __name__ == "__main__":
    main()
