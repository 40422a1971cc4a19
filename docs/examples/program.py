"""A program for gepa-next to optimise: two steps with a prompt each, behind one HTTP endpoint.

Run it with `python docs/examples/program.py 9000`, and gepa-next with `PROGRAM_URLS=http://127.0.0.1:9000/` and,
because that is an address of this machine, `PROGRAM_PRIVATE_ADDRESSES=true`. Put your own pipeline, agent or chain
into `answer`.
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def answer(prompts: dict[str, str], text: str) -> dict[str, object]:
    """Return what the program makes of one input; real steps would ask a model with `prompts["…"]`."""
    words = [word.strip(".,?!") for word in text.split()]
    wanted = [word for word in words if word.lower() in prompts.get("find", "").lower()]  # step 1: find the matter
    style = str.upper if "capitals" in prompts.get("write", "") else str.lower  # step 2: write it down
    output = style(" ".join(wanted))
    return {"output": output, "trace": {"found": wanted}, "feedback": "" if wanted else "The first step found nothing."}


class Server(ThreadingHTTPServer):
    """Lets as many connections wait as gepa-next may open at once."""

    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    """POST / takes {"prompts": …, "input": …, "example_id": …} and answers with an output."""

    def do_POST(self) -> None:
        """Answer one input."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps(answer(asked["prompts"], asked["input"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    print(f"a program at http://127.0.0.1:{server.server_port}/", flush=True)
    server.serve_forever()
