"""How long the web process computes at a stretch for a job of 1,000 candidates on 200 examples, with 400,000 calls.

make bench, or python -m benchmarks.big_job CANDIDATES for another number of candidates
"""

import gevent.monkey

gevent.monkey.patch_all()  # before anything else is imported, as in the web process

import json  # noqa: E402 - see above, and so on below
import sqlite3  # noqa: E402
import sys  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import closing, contextmanager  # noqa: E402
from functools import partial  # noqa: E402
from pathlib import Path  # noqa: E402

import greenlet  # noqa: E402
from flask.testing import FlaskClient  # noqa: E402

from gepa_next.api.edge.wiring import EXTENSION  # noqa: E402
from gepa_next.app import create_app  # noqa: E402
from gepa_next.config import Settings  # noqa: E402
from gepa_next.gepa.run import Standing  # noqa: E402
from gepa_next.store.codec import standing_to_json, to_json  # noqa: E402
from gepa_next.store.database import Database  # noqa: E402

CANDIDATES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
EXAMPLES, ITERATIONS = 200, 10
ROLES = ("target", "judge")
TEXT = "Extract the items and the day from the order. Answer in JSON. " * 10
OUTPUT = "The order is two lamps and a chair, to be sent on Friday. " * 5
FEEDBACK = "Right about the lamps; the chair is missing its colour. " * 3
RESULT = {
    "prompt": TEXT,
    "prompts": {},
    "candidate_id": 1,
    "score": 0.5,
    "seed_score": 0.4,
    "scored_on": "validation",
    "verdict": "inconclusive",
    "says": "The champion is returned as the best on the examples to select by.",
    "test": None,
    "test_seen": False,
}
ASKED = ("prompt.txt", "receipt.json", "report.html", "candidates.jsonl", "rollouts.jsonl", "calls.jsonl")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "big.sqlite3")
        app = create_app(Settings(_env_file=None, require_auth=False, runner="none", database_path=path))
        with closing(app.extensions[EXTENSION].database) as database:
            client = app.test_client()
            url = f"/v1/optimize/{add_job(client, database)}"
            report(client, "GET", url, "")
            for name in ASKED:
                report(client, "GET", url, f"/artifacts/{name}")
            for part in ("/candidates", "/artifacts", "/artifacts"):
                report(client, "GET", url, part)
            report(client, "POST", url, "/resume")
            report(client, "POST", url, "/resume", {"iterations": 2 * ITERATIONS})


def report(client: FlaskClient, method: str, url: str, part: str, body: object = None) -> None:
    size = 0
    with slices() as found:
        answer = client.open(url + part, method=method, json=body)
        for chunk in answer.iter_encoded():
            size += len(chunk)
    print(
        f"{method} …{part}: {answer.status_code}, {size} bytes;"
        f" longest slice {1000 * max(found):.1f} ms of {1000 * sum(found):.0f} ms",
        flush=True,
    )


@contextmanager
def slices() -> Iterator[list[float]]:
    """Yield a list that holds, afterwards, the CPU seconds between any two moments when others could run."""
    found: list[float] = []
    began = time.thread_time()

    def mark(_event: str, _switch: object) -> None:
        nonlocal began
        now = time.thread_time()
        found.append(now - began)
        began = now

    greenlet.settrace(mark)
    try:
        yield found
    finally:
        greenlet.settrace(None)
        found.append(time.thread_time() - began)


def add_job(client: FlaskClient, database: Database) -> str:
    """Return a finished job of which everything is in the database, without having run it."""
    examples = [
        {"id": f"e{n}", "input": f"Order {n}: two lamps and a chair.", "ideal": "lamp"} for n in range(EXAMPLES)
    ]
    body = {"prompt": TEXT, "examples": examples, "iterations": ITERATIONS}
    job_id = str(json.loads(client.post("/v1/optimize", json=body).text)["job_id"])
    for number in range(CANDIDATES):
        database.write(partial(add_candidate, job_id=job_id, number=number))
    database.write(lambda db: finish(db, job_id))
    return job_id


def add_candidate(db: sqlite3.Connection, job_id: str, number: int) -> None:
    event_id = number + 1
    last = event_id % (CANDIDATES // ITERATIONS) == 0
    data: dict[str, object] = {"stage": "evaluate"}
    if last:
        iteration = event_id * ITERATIONS // CANDIDATES
        data = {"stage": "iteration", "iteration": iteration, "best_score": 0.5, "best_candidate_id": number}
    db.execute(
        "INSERT INTO events (job_id, id, key, type, ts, data, checkpoint) VALUES (?, ?, ?, 'progress', 1.0, ?, ?)",
        (job_id, event_id, f"k{number}", to_json(data), 1 if last else None),
    )
    db.execute(
        "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision,"
        " reason, score, parent_score, compared)"
        " VALUES (?, ?, ?, 1, ?, '{}', ?, 'reflect', 'accepted', 'better', 0.5, 0.4, 3)",
        (job_id, number, event_id, f"{TEXT}{number}", "[0]" if number else "[]"),
    )
    db.executemany(
        "INSERT INTO rollouts (job_id, event_id, position, candidate_id, example_id, split, output, score, feedback,"
        " flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
        [
            (job_id, event_id, n, number, f"e{n}", "validation" if n % 2 else "train", OUTPUT, n / EXAMPLES, FEEDBACK)
            for n in range(EXAMPLES)
        ],
    )
    db.executemany(
        "INSERT INTO calls (job_id, key, request_sha256, role, model_id, status, attempts, started_at, text, sends)"
        " VALUES (?, ?, ?, ?, 'm', 'done', 1, 1.0, ?, 1)",
        [(job_id, f"{role}/{number}/e{n}", "0" * 64, role, OUTPUT) for n in range(EXAMPLES) for role in ROLES],
    )


def finish(db: sqlite3.Connection, job_id: str) -> None:
    standing = Standing(
        iteration=ITERATIONS,
        leader_score=0.5,
        since_improvement=1,
        dry_iterations=0,
        cut_iterations=0,
        rollouts_used=0,
        tests_to_come=0,
        spending={},
        train=EXAMPLES // 2,
        validating=EXAMPLES // 2,
    )
    db.execute(
        "UPDATE jobs SET status = 'finished', started_at = 1, finished_at = 2, last_event_id = ?, standing = ?,"
        " result = ?, iteration = ?, best_candidate_id = 1 WHERE id = ?",
        (CANDIDATES, standing_to_json(standing), to_json(RESULT), ITERATIONS, job_id),
    )


if __name__ == "__main__":
    main()
