"""A service whose streams are tried, in this process and over loopback HTTP."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.service import Service, open_service


@pytest.fixture
def service(tmp_path) -> Iterator[Service]:
    with closing(open_service(tmp_path, sse_ping_interval_s=0.05, sse_retry_ms=1234)) as service:
        yield service


@pytest.fixture
def job_id(service) -> str:
    """A running job of which the test tells what happens."""
    job_id = service.create()
    service.begin(job_id)
    return job_id


@pytest.fixture
def url(service) -> Iterator[str]:
    with service.served() as url:
        yield url
