"""The client keeps its deadlines where threads are greenlets."""

import subprocess
import sys

from llm_stage import FaultServer, answered

PATCHED = """
from gevent import monkey; monkey.patch_all()
import sys, time
from concurrent.futures import ThreadPoolExecutor
from gepa_next.errors import ModelError
from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.transport import Transport

def ask(base_url):
    provider = Provider(Endpoint(base_url), transport=Transport(timeout_s=0.2))
    model = HttpModel(provider=provider, model_id="m", wait=lambda seconds: None)
    try:
        return model(ModelCall(role=Role.TARGET, key="k", messages=(Message("user", "x"),))).text
    except ModelError as error:
        return error.code

started = time.monotonic()
with ThreadPoolExecutor(8) as pool:
    print(*pool.map(ask, sys.argv[1:] * 4))
assert time.monotonic() - started < 3
"""


def test_greenlets_are_answered_and_held_to_the_deadline(server: FaultServer) -> None:
    good = server.play(answered("Paris"))
    slow = server.play({"act": "trickle", "raw": "HTTP/1.1 200 OK\r\nx: ", "drop": "a"})
    command = [sys.executable, "-c", PATCHED, good.base_url, slow.base_url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert (done.stdout.split(), done.returncode) == (["Paris", "timeout"] * 4, 0), done.stderr
