"""Services to test against: one shared for what only reads, one of its own for what writes."""

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from flask.testing import FlaskClient

from gepa_next.config import Settings
from tests.support.service import Service, open_service


@pytest.fixture(autouse=True, scope="session")
def no_settings_from_outside() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in Settings.model_fields:
            patch.delenv(name.upper(), raising=False)
        yield


@pytest.fixture
def open_with(tmp_path) -> Iterator[Callable[..., Service]]:
    """Open services with settings of the test's own, on one database."""
    opened = []

    def with_settings(**changes: object) -> Service:
        opened.append(open_service(tmp_path, **changes))
        return opened[-1]

    yield with_settings
    for each in opened:
        each.close()


@pytest.fixture
def service(open_with) -> Service:
    return open_with()


@pytest.fixture
def client(service) -> FlaskClient:
    return service.client()


@pytest.fixture(scope="session")
def done(tmp_path_factory, no_settings_from_outside) -> Iterator[Service]:
    """A service with one finished job, for tests that only read."""
    with closing(open_service(tmp_path_factory.mktemp("done"))) as service:
        service.finished_job()
        yield service


@pytest.fixture(scope="session")
def done_id(done) -> str:
    return done.client().get("/v1/optimize").json["items"][0]["job_id"]
