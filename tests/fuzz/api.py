"""Fuzzes the whole API of a real server, with its runner and the simulator, by its own description.

    python -m tests.fuzz.api --cases 500 --seconds 600

`--cases` are for each operation; whatever is left of the seconds is not used. What fails is written to the terminal.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from gepa_next.api.description.parameters import EXAMPLE_ID, NUMBER_OF_VERSION, PROMPT_NAME
from gepa_next.api.description.samples import read_requests
from tests.e2e.processes import AUTHORIZED, ROOT, SERVE, TIMEOUT_S, Server, start
from tests.fuzz.hooks import KNOWN, NOT_ASKED
from tests.support.service import TOKEN

# A server says 503 to too many jobs or streams, as it should; here nothing may be refused for that.
ROOMY = {
    "MAX_QUEUED_JOBS": "1000000",
    "MAX_SSE_CLIENTS": "1000",
    "MAX_ITERATIONS": "2",
    "MAX_CONCURRENT_JOBS": "8",
    "RATE_LIMIT_PER_MIN": "0",
    "LOG_LEVEL": "WARNING",
}
LONGEST_ANSWER_S = "20"


def main() -> int:
    """Fuzz, and return what schemathesis returns: 0 if nothing failed."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--cases", type=int, default=500, help="for each operation")
    asked.add_argument("--seconds", type=int, default=1800, help="the end of it, at the latest")
    asked.add_argument("--seed", type=int, default=1)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder)) as server:
        known = {KNOWN: json.dumps(things_known_to(server)), "SCHEMATHESIS_HOOKS": "tests.fuzz.hooks"}
        try:
            return subprocess.run(
                _command(server.url, cases=given.cases, seed=given.seed),
                env={**os.environ, **known, "PYTHONPATH": str(ROOT)},
                cwd=folder,
                timeout=given.seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"stopped after {given.seconds} s\n")
            return 1
        finally:
            sys.stderr.write(server.log.read_text()[-5000:])


@contextmanager
def _server(folder: Path) -> Iterator[Server]:
    server = start(SERVE, folder, **ROOMY)
    try:
        yield server
    finally:
        server.stop()


def _command(url: str, *, cases: int, seed: int) -> list[str]:
    return [
        str(Path(sys.executable).with_name("schemathesis")),
        "run",
        f"{url}/v1/openapi.json",
        f"--header=Authorization: Bearer {TOKEN}",
        f"--max-examples={cases}",
        f"--seed={seed}",
        f"--exclude-checks={','.join(NOT_ASKED)}",
        f"--request-timeout={LONGEST_ANSWER_S}",
        "--continue-on-failure",
        "--suppress-health-check=all",
        "--generation-database=none",
        "--workers=1",  # in two threads the compiler of Python 3.11 fails within the strategies
        "--no-color",
    ]


def things_known_to(server: Server) -> dict[str, object]:
    """Make one of each thing that has an id, and return them by first part of the path and name of the variable."""
    samples = read_requests()
    job_id = server.create(**list(samples["OptimizeBody"].values())[1])
    server.events(job_id)
    comparison = _sent(server, "POST", "comparisons", next(iter(samples["ComparisonBody"].values())))
    for each in samples["ExampleBody"].values():
        _sent(server, "POST", "examples", each)
    _sent(server, "PUT", f"prompts/{PROMPT_NAME.example}", {"job_id": job_id})
    return {
        "optimize/job_id": job_id,
        "comparisons/comparison_id": comparison["comparison_id"],
        "examples/example_id": EXAMPLE_ID.example,
        "prompts/name": PROMPT_NAME.example,
        "prompts/number": NUMBER_OF_VERSION.example,
    }


def _sent(server: Server, method: str, path: str, body: object) -> dict[str, object]:
    answer = requests.request(method, f"{server.url}/v1/{path}", json=body, headers=AUTHORIZED, timeout=TIMEOUT_S)
    answer.raise_for_status()
    found: dict[str, object] = answer.json()
    return found


if __name__ == "__main__":
    sys.exit(main())
