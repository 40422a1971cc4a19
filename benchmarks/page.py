"""How fast the page of a big job opens and scrolls in Chromium: 20,000 events, 1,000 candidates on 200 examples.

make bench-page, or python -m benchmarks.page CANDIDATES for another number of candidates
"""

import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.server import running_server
from gepa_next.api.edge.wiring import EXTENSION
from gepa_next.app import create_app
from gepa_next.config import Settings
from gepa_next.store.database import Database

CANDIDATES = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
EXAMPLES, POPULATION, PARTS = 200, 10, 17
TEXT = "Extract the items and the day from the order. Answer in JSON. " * 10
OUTPUT = "The order is two lamps and a chair, to be sent on Friday. " * 5
FEEDBACK = "Right about the lamps; the chair is missing its colour. " * 3
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
TIMES = 3
SCROLL = """async () => {
    const box = document.querySelector("#heat"), waits = [];
    for (let step = 0, last = performance.now(); step < 200; step += 1) {
        box.scrollTop += 97;
        await new Promise(requestAnimationFrame);
        waits.push(performance.now() - last);
        last = performance.now();
    }
    return waits.sort((a, b) => a - b);
}"""


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "page.sqlite3")
        app = create_app(Settings(_env_file=None, require_auth=False, runner="none", database_path=path))
        with closing(app.extensions[EXTENSION].database) as database:
            job_id, events = add_job(app.test_client(), database)
        print(f"{CANDIDATES} candidates, {events} events, {CANDIDATES * EXAMPLES} rollouts")
        with running_server({"DATABASE_PATH": str(path), "RUNNER": "none"}) as server, sync_playwright() as started:
            browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
            for _ in range(TIMES):
                with closing(browser.new_page()) as page:
                    look(page, f"{server.url}/jobs/{job_id}")
            browser.close()


def look(page: Page, url: str) -> None:
    """Print what a visitor waits for, and how busy the machine is."""
    busyness = os.getloadavg()[0] / (os.cpu_count() or 1)
    inspector = page.context.new_cdp_session(page)
    inspector.send("Performance.enable", {"timeDomain": "threadTicks"})
    inspector.send("Network.enable")
    received: list[float] = []
    inspector.on("Network.loadingFinished", lambda each: received.append(each["encodedDataLength"]))
    began = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.wait_for_selector("#status")
    painted = time.perf_counter() - began
    page.wait_for_selector("#log li[data-id]")
    page.wait_for_selector("#connection[data-state=ended]", state="attached")
    page.wait_for_selector("#curve .dot")
    followed = time.perf_counter() - began
    metrics = {each["name"]: each["value"] for each in inspector.send("Performance.getMetrics")["metrics"]}
    busy, received_by_then = metrics["TaskDuration"], sum(received)
    page.wait_for_selector("#heat canvas")
    page.wait_for_function(
        "count => document.querySelector('#heat-about').textContent.startsWith(count)", arg=f"{CANDIDATES:,}"
    )
    whole = time.perf_counter() - began
    received_in_all = sum(received)
    waits = page.evaluate(SCROLL)
    print(
        f"{busyness:.1f} at work for each core; state {painted:.2f} s, all events {followed:.2f} s, all scores"
        f" {whole:.2f} s; scrolling: frame median {waits[len(waits) // 2]:.1f} ms, worst {waits[-1]:.1f} ms;"
        f" main thread {busy:.2f} s of CPU until all events; received {received_by_then / 1e3:.0f} kB until then,"
        f" {received_in_all / 1e3:.0f} kB with all scores",
        flush=True,
    )


def add_job(client: Any, database: Database) -> tuple[str, int]:  # Any: Flask's test client
    """Return a finished job and how many events it has, without having run it."""
    examples = [
        {"id": f"e{n}", "input": f"Order {n}: two lamps and a chair.", "ideal": "lamp"} for n in range(EXAMPLES)
    ]
    job_id = str(
        client.post("/v1/optimize", json={"prompt": TEXT, "examples": examples, "iterations": 100}).json["job_id"]
    )
    events = [("started", {"target_model_id": "m", "judge_model_id": "m", "iterations": 100, "simulated": True})]
    for number in range(CANDIDATES):
        database.write(partial(add_candidate, job_id=job_id, number=number, event_id=len(events) + 2))
        events += [("progress", {**told(number), **each}) for each in of_candidate(number)]
    events.append(
        (
            "finished",
            {
                "verdict": "improved",
                "seed_score": 0.2,
                "score": 0.9,
                "scored_on": "test",
                "prompt": TEXT,
                "says": "It is.",
                "test": {"n": 12, "seed_score": 0.2, "score": 0.9},
            },
        )
    )
    database.write(partial(finish, job_id=job_id, events=events))
    return job_id, len(events)


def told(number: int) -> dict[str, object]:
    """Return what every event of progress has."""
    return {
        "iteration": number // POPULATION,
        "elapsed_s": number * 1.5,
        "eta_s": 9.0,
        "calls": number * 400,
        "cost_usd": number / 100,
    }


def of_candidate(number: int) -> list[dict[str, object]]:
    """Return the data of the events about a candidate."""
    about = {"candidate_id": number, "parent_ids": [max(0, number - POPULATION)], "operator": "reflect"}
    score = 1 - 1 / (2 + number / 100)
    part = {"stage": "evaluate", "purpose": "validation", "rollouts": 12, "errors": 0, "score": score}
    evaluated: list[dict[str, object]] = [{**about, **part} for _ in range(PARTS)]
    if not number:
        seed = {"stage": "seed", "candidate_id": 0, "score": score, "best_score": score, "rollouts": 12, "errors": 0}
        return [seed, *evaluated]
    decision = {
        "decision": "rejected" if number % 4 else "accepted",
        "reason": "better",
        "score": score,
        "parent_score": score,
    }
    decided = {**about, **decision, "stage": "select", "difference": 0.1, "compared": 12, "validation_score": score}
    lesson = {**about, "stage": "lesson", "lesson_id": number, "text": FEEDBACK, "gain": 0.1}
    complete = {
        "stage": "iteration",
        "iterations": 100,
        "best_score": score,
        "best_candidate_id": number,
        "frontier": [number],
    }
    complete |= {"rollouts": number * 200, "max_rollouts": 10**6, "lessons": number, "by_role": {}}
    return [
        {**about, "stage": "generate", "prompt_tokens": 200},
        *evaluated,
        decided,
        lesson,
        *([] if number % POPULATION else [complete]),
    ]


def add_candidate(db: sqlite3.Connection, job_id: str, number: int, event_id: int) -> None:
    chance = Random(number)  # noqa: S311 - scores that no compression sees through
    db.execute(
        "INSERT INTO candidates (job_id, id, event_id, iteration, text, prompts, parents, operator, decision,"
        " reason, score, parent_score, compared)"
        " VALUES (?, ?, ?, ?, ?, '{}', ?, 'reflect', 'accepted', 'better', 0.5, 0.4, 3)",
        (
            job_id,
            number,
            event_id,
            number // POPULATION,
            f"{TEXT}{number}",
            json.dumps([number - POPULATION] if number >= POPULATION else []),
        ),
    )
    db.executemany(
        "INSERT INTO rollouts (job_id, event_id, position, candidate_id, example_id, split, output, score, feedback,"
        " flags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '[]')",
        [
            (
                job_id,
                event_id,
                n,
                number,
                f"e{n}",
                "validation" if n % 2 else "train",
                OUTPUT,
                chance.randrange(11) / 10,
                FEEDBACK,
            )
            for n in range(EXAMPLES)
        ],
    )


def finish(db: sqlite3.Connection, job_id: str, events: list[tuple[str, dict[str, object]]]) -> None:
    db.executemany(
        "INSERT INTO events (job_id, id, key, type, ts, data) VALUES (?, ?, ?, ?, ?, ?)",
        [
            (job_id, place, f"k{place}", kind, 1.7e9 + place, json.dumps(data))
            for place, (kind, data) in enumerate(events, 1)
        ],
    )
    db.execute(
        "UPDATE jobs SET status = 'finished', started_at = 1, finished_at = 2, last_event_id = ?, result = ?,"
        " best_candidate_id = 0 WHERE id = ?",
        (len(events), json.dumps(events[-1][1]), job_id),
    )


if __name__ == "__main__":
    main()
