"""A judge behind an endpoint, whose taste a test changes."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from gepa_next.config import Settings
from gepa_next.gepa.anchors import ANCHORS
from gepa_next.gepa.drift import anchors_fingerprint, drift
from gepa_next.gepa.spending import NEVER_ASKED
from gepa_next.models import JudgeCheck
from gepa_next.roles import roles_of
from gepa_next.store.database import Database
from gepa_next.store.judge_checks import record_check

FAIR = range(2, 9)  # points, so that there is room to move


@dataclass
class Taste:
    """How the judge scores: by what it reads, and `shift` points more; with `varies`, one more or less at random.

    With another `status` it refuses, and with `hold` it answers when that is set.
    """

    shift: int = 0
    varies: bool = False
    status: int = 200
    hold: threading.Event | None = None
    asked: list[str] = field(default_factory=list)  # the ids of the requests
    reached: threading.Event = field(default_factory=threading.Event)
    rng: random.Random = field(default_factory=lambda: random.Random("taste"))  # noqa: S311 - the same each time

    def points(self, question: str) -> int:
        fair = FAIR[sha256(question.encode()).digest()[0] % len(FAIR)]
        varied = self.rng.choice((-1, 0, 0, 1)) if self.varies else 0
        return fair + self.shift + varied


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    taste: Taste

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        taste = self.taste
        taste.asked.append(self.headers["X-Client-Request-Id"])
        taste.reached.set()
        if taste.hold is not None:
            taste.hold.wait(30)
        reply = json.dumps({"feedback": "So it is.", "score": taste.points(body["messages"][-1]["content"])})
        choice = {"message": {"role": "assistant", "content": reply}, "finish_reason": "stop"}
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001}
        refused = {"error": {"code": "invalid_api_key", "message": "no such key"}}
        self.answer({"choices": [choice], "usage": usage} if taste.status == 200 else refused)

    def answer(self, value: object) -> None:
        text = json.dumps(value).encode()
        self.send_response(self.taste.status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True


@contextmanager
def judge_served(taste: Taste) -> Iterator[str]:
    """Serve a judge of that taste, yielding its base URL."""
    with Server(("127.0.0.1", 0), type("Tasting", (Handler,), {"taste": taste})) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1"
        finally:
            server.shutdown()
            thread.join(10)


def record_checks(database: Database, settings: Settings, *, shift: float | None = None) -> None:
    """Store a baseline of the server's judge at second 1, and with a shift a check at second 2."""
    model_id = roles_of(settings).judge_model_id
    before = {anchor.id: [0.5] for anchor in ANCHORS}
    now = {key: [0.5 + (shift or 0.0)] for key in before}
    made = [(before, None), (now, drift(before, now))]
    for second, (scores, compared) in enumerate(made if shift is not None else made[:1], start=1):
        check = JudgeCheck(
            fingerprint=anchors_fingerprint(model_id),
            model_id=model_id,
            checked_at=float(second),
            scores=scores,
            drift=compared,
        )
        record_check(database, check, outcomes={}, spent=NEVER_ASKED)
