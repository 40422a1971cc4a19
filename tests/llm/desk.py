"""A model server with a limit and a gate, in this process, so that a test can look at it and hold it up."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llm_stage import PATIENCE_S, FakeTime, answered, question

from gepa_next.gepa.types import Completion
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Transport
from gepa_next.llm.turnstile import Lane, Traffic, Turnstile
from gepa_next.models import Waiting

TIMEOUT_S = 20.0
ANSWER = answered("Paris")["body"].encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Desk"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        served = self.server.serve(body["messages"][-1]["content"])
        self.send_response(200 if served else 429)
        text = ANSWER if served else b""
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Desk(ThreadingHTTPServer):
    """Serves `most` requests at once and refuses the rest; those of `held` wait at the gate."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.most, self.in_flight, self.refused = 999, 0, 0
        self.arrivals: list[str] = []
        self.held: Callable[[str], bool] = lambda _: False
        self.gate = threading.Event()
        self.changed = threading.Condition()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def serve(self, text: str) -> bool:
        with self.changed:
            if self.in_flight >= self.most:
                self.refused += 1
                return False
            self.in_flight += 1
            self.arrivals.append(text)
            self.changed.notify_all()
        if self.held(text):
            self.gate.wait(TIMEOUT_S)
        with self.changed:
            self.in_flight -= 1
            self.changed.notify_all()
        return True

    def wait_until(self, holds: Callable[["Desk"], bool]) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: holds(self), TIMEOUT_S), "not in time"


@contextmanager
def open_desk() -> Iterator[Desk]:
    desk = Desk()
    thread = threading.Thread(target=desk.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield desk
    finally:
        desk.gate.set()
        desk.shutdown()
        desk.server_close()
        thread.join(TIMEOUT_S)


class Job:
    """A job that asks at the desk, from as many threads as it has calls."""

    def __init__(
        self,
        name: str,
        provider: Provider,
        turnstile: Turnstile,
        *,
        permit: Callable[[], None] = lambda: None,
        say_waiting: Callable[[Waiting], None] = lambda _: None,
    ) -> None:
        self.name = name
        self.lane = Lane(turnstile, provider.throttle, Traffic(say_waiting))
        self._model = HttpModel(provider=provider, model_id="m", permit=permit, lane=self.lane)
        self._pool = ThreadPoolExecutor(64)

    def ask(self, count: int = 1) -> list[Future[Completion]]:
        return [self._pool.submit(self._model, question(text=self.name)) for _ in range(count)]

    def close(self) -> None:
        self._pool.shutdown()


class Office:
    """A desk, the one provider that calls it, and the jobs that do so through one turnstile, on a clock of its own."""

    def __init__(self, desk: Desk, throttle: Throttle, time: FakeTime | None) -> None:
        self.desk = desk
        self.throttle = throttle
        self.turnstile = (
            Turnstile(nap=self._nap)
            if time is None
            else Turnstile(patience_s=PATIENCE_S, clock=time.clock, nap=time.nap)
        )
        transport = Transport(timeout_s=TIMEOUT_S, connections=64)
        self._provider = Provider(Endpoint(desk.url), transport=transport, throttle=throttle)
        self._jobs: list[Job] = []

    def job(self, name: str, **calls: Callable[..., None]) -> Job:
        self._jobs.append(Job(name, self._provider, self.turnstile, **calls))
        return self._jobs[-1]

    def wait_until_queued(self, job: Job, count: int) -> None:
        self.desk.wait_until(lambda _: len(job.lane.turns) == count)

    def close(self) -> None:
        self.desk.gate.set()
        for job in self._jobs:
            job.close()
        self._provider.close()

    def _nap(self, event: threading.Event, seconds: float) -> None:
        """Wait, after telling whoever wants to know that somebody waits."""
        with self.desk.changed:
            self.desk.changed.notify_all()
        event.wait(seconds)


@contextmanager
def open_office(throttle: Throttle | None = None, *, time: FakeTime | None = None) -> Iterator[Office]:
    with open_desk() as desk:
        office = Office(desk, throttle or Throttle(), time)
        try:
            yield office
        finally:
            office.close()


def answers(futures: list[Future[Completion]]) -> set[str]:
    return {future.result(TIMEOUT_S).text for future in futures}
