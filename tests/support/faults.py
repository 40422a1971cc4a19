"""The fault server as a test sees it, and the acts that it plays."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

ROOT = Path(__file__).parents[2]

Act = dict[str, object]


def answered(text: object = "Paris", *, finish_reason: str = "stop", usage: object = None, **message: object) -> Act:
    """Return the act of a well-formed answer; usage False leaves it out."""
    counted = {"prompt_tokens": 7, "completion_tokens": 3} if usage is None else usage
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish_reason}
    body = {"choices": [choice]} | ({} if counted is False else {"usage": counted})
    return {"status": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}


def failed(status: int, error: object = None, **headers: str) -> Act:
    """Return the act of an error answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"status": status, "headers": named, "body": json.dumps({"error": error}) if error else ""}


@dataclass(frozen=True)
class FaultServer:
    port: int

    def play(self, *acts: Act) -> "Play":
        """Play the acts in their order."""
        return self._play(acts)

    def play_by_words(self, *rules: tuple[Sequence[str], Sequence[Act]]) -> "Play":
        """Play the acts of the first rule whose words a request contains, and answer others as the simulator does."""
        return self._play({"rules": [{"words": words, "acts": acts} for words, acts in rules]})

    def storm(self, *acts: Act, share: float, seed: int) -> "Play":
        """Strike a share of all sends; an act says which `fault` it is and how often at `most` a request meets it."""
        return self._play({"share": share, "seed": seed, "acts": acts})

    def _play(self, script: object) -> "Play":
        name = uuid4().hex
        self.fetch("PUT", name, json.dumps(script))
        return Play(self, name)

    def open_door(self, kind: str, certificate: Path | str = "") -> int:
        """Return the port behind which the client meets something else."""
        return int(self.fetch("PUT", f"door/{kind}", str(certificate)))

    def fetch(self, method: str, name: str, body: str = "") -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(method, f"/{name}", body)
            return connection.getresponse().read()
        finally:
            connection.close()


@dataclass(frozen=True)
class Play:
    """One script being played, and what was asked of it."""

    server: FaultServer
    name: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server.port}/{self.name}/v1"

    @property
    def seen(self) -> list[dict[str, object]]:
        return json.loads(self.server.fetch("GET", self.name))

    @property
    def bodies(self) -> list[dict[str, object]]:
        return [json.loads(request["body"]) for request in self.seen]


@contextmanager
def start_fault_server() -> Iterator[FaultServer]:
    """Start the fault server, and end it."""
    command = [sys.executable, "-m", "tests.support.fault_server"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield FaultServer(int(process.stdout.readline()))
        finally:
            process.kill()
