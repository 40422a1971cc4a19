"""The same service under other servers: threads in place of gevent, and two web processes."""

import pytest

from tests.e2e.processes import GUNICORN, wait_for

SERVERS = {"threads": "-k gthread --threads 64", "two web processes": "-w 2"}


@pytest.mark.parametrize("arguments", SERVERS.values(), ids=list(SERVERS))
def test_a_job_runs_to_its_end_and_all_who_watch_see_it(serve, arguments) -> None:
    server = serve(GUNICORN, GUNICORN_CMD_ARGS=arguments)
    job_id = server.create(iterations=3)
    streams = [server.stream(job_id) for _ in range(8)]
    told = [[line for line in each.iter_lines() if line.startswith(b"id:")] for each in streams]
    assert told == [told[0]] * len(streams)
    assert server.state(job_id)["status"] == "finished"
    server.process.terminate()
    wait_for(lambda: not server.alive())
