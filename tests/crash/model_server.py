"""A deterministic OpenAI-compatible server that answers like the simulator and remembers every request.

Run as a process: it prints its port (any free one, or the one it is given), then serves until it is killed. Each first
part of a path is a room of its own, which knows nothing of the others: `/ROOM/v1` is a base URL, `GET /ROOM` returns
what was asked there, and `POST /ROOM` takes orders: `latency_s`; `hold` [ROLE, N], by which the Nth request of a role
and those after it wait; `refuse` [ROLE, N], by which they are answered 401. A request that comes again keeps its
number. `/ROOM/program` is a program with the components `item` and `quantity`, in the role of the target.
"""

import copy
import json
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.structured import reply_schema

REPLIES = (AdditionReply, InputsReply, JudgeReply, PromptReply)
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001}
REFUSAL = {"error": {"code": "invalid_api_key", "message": "not today"}}
PATIENCE_S = 120.0


class Room:
    """What was asked in one room, and how it is answered there."""

    def __init__(self) -> None:
        self.requests: dict[str, Counter[str]] = {role: Counter() for role in Role}
        self.refusals: dict[str, Counter[str]] = {role: Counter() for role in Role}
        self.waiting = 0
        self.orders: dict[str, Any] = {"latency_s": 0.0, "hold": None, "refuse": None}
        self._changed = threading.Condition()

    def order(self, orders: dict[str, Any]) -> None:
        with self._changed:
            self.orders.update(orders)
            self._changed.notify_all()

    def seen(self) -> dict[str, object]:
        with self._changed:
            return copy.deepcopy({"requests": self.requests, "refusals": self.refusals, "waiting": self.waiting})

    def admit(self, role: str, request_id: str) -> bool:
        """Count the request, have it wait while it is held, and say whether it is to be answered."""
        with self._changed:
            self.requests[role][request_id] += 1
            number = list(self.requests[role]).index(request_id) + 1
            self.waiting += 1
            self._changed.wait_for(lambda: not self._meant("hold", role, number), PATIENCE_S)
            self.waiting -= 1
            refused = self._meant("refuse", role, number)
            self.refusals[role][request_id] += refused
        time.sleep(self.orders["latency_s"])
        return not refused

    def _meant(self, order: str, role: str, number: int) -> bool:
        meant = self.orders[order]
        return meant is not None and role == meant[0] and number >= meant[1]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    rooms: dict[str, Room] = {}

    def do_GET(self) -> None:
        self._answer(200, self._room().seen())

    def do_POST(self) -> None:
        body = json.loads(self._body())
        if self.path.endswith("/program"):
            self._room().admit(Role.TARGET, self.headers["X-Client-Request-Id"])
            self._answer(200, _program_answer(body["prompts"], body["input"]))
            return
        if not self.path.endswith("/chat/completions"):
            self._answer(200, self._room().order(body))
            return
        call = _call(body)
        if self._room().admit(call.role, self.headers["X-Client-Request-Id"]):
            text = Simulator()(call).text
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self._answer(200, {"choices": [choice], "usage": USAGE})
        else:
            self._answer(401, REFUSAL)

    def handle(self) -> None:
        with suppress(ConnectionError):  # the caller was killed
            super().handle()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _body(self) -> bytes:
        size = int(self.headers["Content-Length"])
        if len(body := self.rfile.read(size)) < size:
            raise ConnectionError("the caller was killed while it sent")
        return body

    def _room(self) -> Room:
        return self.rooms.setdefault(self.path.split("/")[1], Room())

    def _answer(self, status: int, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _program_answer(prompts: dict[str, str], text: str) -> dict[str, object]:
    _, quantity, item, _ = text.split()  # Order 3 chair please.
    wanted = {"item": item, "quantity": quantity}
    said = {
        name: Simulator()(
            ModelCall(role=Role.TARGET, key="", messages=(Message("system", prompts[name]), Message("user", text)))
        ).text
        for name in wanted
    }
    wrong = [name for name in wanted if said[name] != wanted[name]]
    feedback = f'The {wrong[0]} should be "{wanted[wrong[0]]}".' if wrong else ""
    return {"output": " ".join(said.values()), "score": 1 - len(wrong) / 2, "feedback": feedback, "trace": said}


def _call(body: dict[str, Any]) -> ModelCall:
    schema = body.get("response_format", {}).get("json_schema", {}).get("schema")
    wanted = set(schema["properties"]) if schema else None
    reply_type = next((each for each in REPLIES if set(reply_schema(each)["properties"]) == wanted), None)
    return ModelCall(
        role=Role(body["model"].removeprefix("crash/")),
        key="",
        messages=tuple(Message(message["role"], message["content"]) for message in body["messages"]),
        reply_type=reply_type,
        max_tokens=body.get("max_tokens"),
    )


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
