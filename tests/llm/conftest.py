"""A provider that misbehaves on demand, and models that call it."""

from collections.abc import Iterator

import pytest
from llm_stage import Stage

from tests.support.faults import FaultServer, start_fault_server


@pytest.fixture(scope="session")
def server() -> Iterator[FaultServer]:
    with start_fault_server() as server:
        yield server


@pytest.fixture
def stage(server: FaultServer) -> Iterator[Stage]:
    stage = Stage(server)
    yield stage
    for provider in stage.providers:
        provider.close()
