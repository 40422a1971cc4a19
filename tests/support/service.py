"""A service in this process; without a runner, until a test says that a job shall run."""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from werkzeug.serving import make_server

from gepa_next.api.edge.wiring import EXTENSION, Wiring
from gepa_next.app import RUNNER_EXTENSION, create_app, create_runner
from gepa_next.config import Settings
from gepa_next.store.database import Database
from gepa_next.store.events import append_event
from gepa_next.streaming.stream import StreamSettings, stream
from gepa_next.streaming.subscription import Subscription

TOKEN = "ada-5c1f"  # noqa: S105 - of a service that lives as long as a test
OTHER_TOKEN = "bob-77e0"  # noqa: S105 - as above

EXAMPLES = [{"id": f"e{n}", "input": f"{n} + {n}", "ideal": str(2 * n)} for n in range(1, 7)]
SMALL_JOB: dict[str, Any] = {
    "prompt": "Add the two numbers.",
    "examples": EXAMPLES,
    "iterations": 1,
    "population": 1,
    "minibatch": 1,
    "seed": 1,
}


def settings_for(folder: Path, **changes: object) -> Settings:
    """Return settings that owe nothing to the environment; rate limits and checks of the judge are off by default."""
    given: dict[str, Any] = {
        "database_path": folder / "test.sqlite3",
        "api_bearer_tokens": [TOKEN, OTHER_TOKEN],
        "rate_limit_per_min": 0,
        "runner": "none",
        "judge_check_interval_s": 0,
        **changes,
    }
    return Settings(_env_file=None, **given)


@dataclass(frozen=True)
class Service:
    """The application and its parts; close it."""

    settings: Settings
    app: Flask

    @property
    def parts(self) -> Wiring:
        return self.app.extensions[EXTENSION]

    @property
    def database(self) -> Database:
        return self.parts.database

    def client(self, token: str | None = TOKEN) -> FlaskClient:
        """Return a client that sends the token, None for one that sends none."""
        client = self.app.test_client()
        if token is not None:
            client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
        return client

    def create(self, *, token: str = TOKEN, **changes: object) -> str:
        """Queue the small job and return its id."""
        answer = self.client(token).post("/v1/optimize", json={**SMALL_JOB, **changes})
        assert answer.status_code == 201, answer.text
        return answer.json["job_id"]

    def begin(self, job_id: str) -> None:
        """Have the job running in nobody's hands: what the test tells of it is all that happens."""

        def unit(db: sqlite3.Connection) -> None:
            db.execute("UPDATE jobs SET status = 'running', owner = 'nobody', started_at = 1.0 WHERE id = ?", (job_id,))
            append_event(db, job_id, key="started/1", kind="started", now=time.time(), data="{}")

        self.database.write(unit)

    def tell(self, job_id: str, count: int = 1, *, kind: str = "progress", text: str = "") -> None:
        """Append events to the job's log, in one transaction."""
        data = json.dumps({"stage": "evaluate", "text": text})

        def unit(db: sqlite3.Connection) -> None:
            for _ in range(count):
                append_event(db, job_id, key=secrets.token_hex(8), kind=kind, now=time.time(), data=data)

        self.database.write(unit)

    def run(self, job_id: str) -> None:
        """Run what is queued until this job has ended."""
        runner = create_runner(self.settings, self.database)
        runner.start()
        try:
            self.wait_for_end(job_id)
        finally:
            runner.drain(1.0)

    def wait_for_end(self, job_id: str, *, timeout_s: float = 30.0) -> None:
        """Follow the job's events until there are no more."""
        deadline = time.monotonic() + timeout_s
        settings = StreamSettings(retry_ms=1, longest_s=2 * timeout_s)
        subscription = Subscription(job_id=job_id)
        for _ in stream(self.database, self.parts.tailer, settings, subscription, after=0):
            assert time.monotonic() < deadline, "the job does not end"

    def finished_job(self, **changes: object) -> str:
        """Return the id of a small job that has run to its end."""
        job_id = self.create(**changes)
        self.run(job_id)
        return job_id

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve over loopback HTTP, yielding the address."""
        server = make_server("127.0.0.1", 0, self.app, threaded=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            self.parts.tailer.stop()
            server.shutdown()
            server.server_close()
            thread.join(10)

    def close(self) -> None:
        """End the streams, the runner if there is one, and the connections."""
        self.parts.tailer.stop()
        if (runner := self.app.extensions.get(RUNNER_EXTENSION)) is not None:
            runner.drain(1.0)
        self.database.close()


def open_service(folder: Path, **changes: object) -> Service:
    """Return a service on a database in the folder."""
    settings = settings_for(folder, **changes)
    return Service(settings, create_app(settings))
