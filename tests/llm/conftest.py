"""A provider that misbehaves on demand, and models that call it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from llm_stage import FaultServer, Stage


@pytest.fixture(scope="session")
def server() -> Iterator[FaultServer]:
    script = Path(__file__).with_name("fault_server.py")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield FaultServer(int(process.stdout.readline()))
        finally:
            process.kill()


@pytest.fixture
def stage(server: FaultServer) -> Iterator[Stage]:
    stage = Stage(server)
    yield stage
    for provider in stage.providers:
        provider.close()
