"""An OpenAI-compatible endpoint for tests, a process of its own; what it answers depends on the model's name.

acme/target echoes. acme/judge and acme/reflector answer in the shape asked for. acme/babbling-judge never does,
acme/moody-judge not when the word "moody" comes up. acme/gated answers only while the gate is open. acme/stating
echoes and states what each call costs. acme/mortal-target and acme/mortal-reflector answer five times each; after that
the target's key is not accepted and the reflector says nothing. Any other model is unknown. GET /waiting tells how many
calls wait at the gate, POST /open opens it, POST /shut shuts it; POST /mend mends what is mortal, POST /renew has it
answer five times again.
"""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

PATIENCE_S = 60.0
STATED_COST_USD = 0.001
LIVES = 5
NO_KEY = {"error": {"code": "invalid_api_key", "message": "The key has expired"}}
NO_MODEL = {"error": {"code": "model_not_found", "message": "The model does not exist"}}

gate = threading.Event()
waiting = set()
mended = threading.Event()
asked = {}
numbers = count(1)


def echo(body):
    return f"You said: {body['messages'][-1]['content'][-200:]}"


def gated(body):
    call = object()
    waiting.add(call)
    gate.wait(PATIENCE_S)
    waiting.discard(call)
    return echo(body)


def in_shape(body):
    """Fill in the schema asked for: numbers from the length of what was said, new words each time for a text."""
    schema = body["response_format"]["json_schema"]["schema"]
    said = "".join(message["content"] for message in body["messages"])
    return json.dumps({name: value(shape, said) for name, shape in schema["properties"].items()})


def value(shape, said):
    if shape.get("type") in {"integer", "number"}:
        return len(said) % 11
    if shape.get("type") == "array":
        return [f"input {number}" for number in range(12)]
    return f"Answer well, please ({next(numbers)})."


def babble(body):
    return "It is quite good, I should say."


def moody(body):
    return babble(body) if "moody" in str(body["messages"]) else in_shape(body)


def is_dead(model):
    """Count the call, and say whether there is nobody to answer it."""
    number = next(asked.setdefault(model, count(1)))
    return "mortal" in model and number > LIVES and not mended.is_set()


ANSWERS = {
    "acme/target": echo,
    "acme/stating": echo,
    "acme/gated": gated,
    "acme/judge": in_shape,
    "acme/reflector": in_shape,
    "acme/mortal-target": echo,
    "acme/mortal-reflector": in_shape,
    "acme/babbling-judge": babble,
    "acme/moody-judge": moody,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.answer(200, len(waiting))

    def do_POST(self):
        text = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/open":
            return self.answer(200, gate.set())
        if self.path == "/shut":
            return self.answer(200, gate.clear())
        if self.path == "/mend":
            return self.answer(200, mended.set())
        if self.path == "/renew":
            return self.answer(200, mended.clear() or asked.clear())
        return self.complete(json.loads(text))

    def complete(self, body):
        if body["model"] not in ANSWERS:
            return self.answer(404, NO_MODEL)
        dead = is_dead(body["model"])
        if dead and "target" in body["model"]:
            return self.answer(401, NO_KEY)
        message = {"role": "assistant", "content": "" if dead else ANSWERS[body["model"]](body)}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        if body["model"] == "acme/stating":
            usage["cost"] = STATED_COST_USD
        return self.answer(200, {"choices": [choice], "usage": usage})

    def answer(self, status, value):
        text = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def handle(self):
        with contextlib.suppress(OSError):  # the caller may be gone, which is what some tests are about
            super().handle()

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    request_queue_size = 128
    daemon_threads = True


if __name__ == "__main__":
    with Server(("127.0.0.1", 0), Handler) as server:
        print(server.server_port, flush=True)  # noqa: T201
        server.serve_forever()
