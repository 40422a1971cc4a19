"""Metrics with two web workers: whichever is asked, they are those of both."""

import os
import signal
from contextlib import ExitStack

from tests.e2e.processes import GUNICORN, Server, wait_for

STREAMS = 6


def flat(server: Server) -> dict[str, float]:
    return server.get("/v1/metricsz").json()


def is_told_by_all(server: Server, clients: int) -> bool:
    return {flat(server)["sse_clients"] for _ in range(8)} == {clients}


def test_both_count_together_and_a_killed_one_leaves_nothing(serve, provider) -> None:
    server = serve([*GUNICORN, "-w", "2"], **provider.variables)
    wait_for(lambda: len(server.web_pids()) == 2)
    job_id = server.create()
    with ExitStack() as opened:
        for _ in range(STREAMS):
            opened.enter_context(server.stream(job_id))
        wait_for(lambda: is_told_by_all(server, STREAMS))
        counts = [flat(server)["flask_http_request_GET_200"] for _ in range(20)]
        assert counts == sorted(counts)
        os.kill(min(server.web_pids()), signal.SIGKILL)
        wait_for(lambda: len(server.web_pids()) == 2)
        assert flat(server)["flask_http_request_GET_200"] >= counts[-1]
    wait_for(lambda: is_told_by_all(server, 0))
