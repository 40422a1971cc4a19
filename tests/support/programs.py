"""Programs for a service to call: over loopback HTTP, good ones and bad ones."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gepa_next.gepa.types import Message
from gepa_next.llm.simulator import target

TIMEOUT_S = 30.0
PRIORITIES = {"invoice": "low", "outage": "high", "password": "low", "crash": "high"}
TEAMS = {"invoice": "billing", "outage": "network", "password": "accounts", "crash": "software"}
PROMPTS = {"team": "Which team should take it?", "priority": "How urgent is it?"}
EXAMPLES = [
    {"id": f"t{n}", "input": f"Ticket {n}: another {topic} since Monday.", "ideal": f"{team}/{PRIORITIES[topic]}"}
    for n, (topic, team) in enumerate(list(TEAMS.items()) * 5)
]
Answer = Callable[[dict[str, Any]], object]


def triages(asked: dict[str, Any]) -> dict[str, object]:
    """Have each component answer by itself, half a point for each, and say what the first wrong one should have said.

    The components are read by the simulated target, so that what the simulated reflector writes means something.
    """
    text, prompts = asked["input"], asked["prompts"]
    topic = next(word for word in TEAMS if word in text)
    wanted = {"team": TEAMS[topic], "priority": PRIORITIES[topic]}
    got = {name: target.answer((Message("system", prompts[name]), Message("user", text))) for name in wanted}
    wrong = [f'The {name} should be "{wanted[name]}".' for name in wanted if got[name] != wanted[name]]
    score = 1 - len(wrong) / len(wanted)
    return {"output": "/".join(got.values()), "score": score, "feedback": "".join(wrong[:1]), "trace": got}


@dataclass
class Program:
    """A running program: it answers with JSON, with text as it is, or not before it is closed if that is `...`."""

    port: int
    answer: Answer
    asked: list[dict[str, Any]] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/run"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a server that may call it."""
        return {"program_urls": [self.url], "program_private_addresses": True}

    def hear(self, asked: dict[str, Any]) -> object:
        with self.changed:
            self.asked.append(asked)
            self.changed.notify_all()
        return self.answer(asked)

    def wait_until_asked(self, times: int) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.asked) >= times, TIMEOUT_S), "it is not asked so often"

    def job(self, **changes: Any) -> dict[str, Any]:
        """Return the changes of the small job that make it one for this program."""
        given = {"prompt": None, "prompts": PROMPTS, "program_url": self.url, "examples": EXAMPLES, "metric": "program"}
        return {**given, **changes}


@contextmanager
def served_program(answer: Answer = triages) -> Iterator[Program]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = program.hear(asked)
            if said is ...:
                program.closing.wait(TIMEOUT_S)
                return
            body = (said if isinstance(said, str) else json.dumps(said)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    program = Program(server.server_port, answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield program
    finally:
        program.closing.set()
        server.shutdown()
        server.server_close()
        thread.join(TIMEOUT_S)
