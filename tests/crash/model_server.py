"""A deterministic OpenAI-compatible server that answers like the simulator and remembers every request.

Run as a process: it prints its port (any free one, or the one it is given), then serves until it is killed.
`GET /requests` returns how often each X-Client-Request-Id was asked; `POST /latency` with a number of seconds sets
how long an answer takes.
"""

import json
import sys
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.structured import reply_schema

REPLIES = (AdditionReply, InputsReply, JudgeReply, PromptReply)
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    asked: Counter[str] = Counter()
    latency_s = 0.0
    lock = threading.Lock()

    def do_GET(self) -> None:
        if self.path == "/v1/models":
            self._answer({"data": [{"id": "crash/target"}]})
            return
        with self.lock:
            self._answer(dict(self.asked))

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/latency":
            type(self).latency_s = float(body)
            self._answer({})
            return
        with self.lock:
            self.asked[self.headers["X-Client-Request-Id"]] += 1
        time.sleep(self.latency_s)
        text = Simulator()(_call(body)).text
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        self._answer({"choices": [choice], "usage": USAGE})

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, value: object) -> None:
        data = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


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


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), Handler)
    server.daemon_threads = True
    print(server.server_port, flush=True)
    server.serve_forever()
