"""The first requests that a server hears, all of them for a stream: as many come in as may."""

import os
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.e2e.processes import BEHIND_NGINX
from tests.e2e.test_half_open import connect
from tests.support.service import TOKEN

MOST, ASKING = 10, 150


@pytest.mark.skipif(BEHIND_NGINX in os.environ, reason="nginx bounds the connections of one address before")
def test_a_server_that_has_just_begun_opens_no_more_streams_than_it_may(serve) -> None:
    server = serve(MAX_SSE_CLIENTS=str(MOST), RATE_LIMIT_PER_MIN="0", RUNNER="none")
    head = f"GET /v1/optimize/{server.create()}/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
    with ExitStack() as peers:
        asking = [peers.enter_context(connect(server)) for _ in range(ASKING)]
        for each in asking:
            each.sendall(head.encode())
        statuses = Counter(each.recv(12).decode()[-3:] for each in asking)
    assert statuses == {"200": MOST, "503": ASKING - MOST}
