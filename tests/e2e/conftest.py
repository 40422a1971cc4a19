"""Real processes: servers, and a provider of models to call."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests

from tests.e2e.processes import SERVE, Server, start, wait_for
from tests.support.faults import FaultServer, start_fault_server


@dataclass(frozen=True)
class Provider:
    """The provider's address, its gate, and its mortal models."""

    port: int

    @property
    def variables(self) -> dict[str, str]:
        """Return the settings of a server whose target waits at the gate."""
        return {
            "LLM_BASE_URL": f"http://127.0.0.1:{self.port}/v1",
            "TARGET_MODEL_DEFAULT": "acme/gated",
            "JUDGE_MODEL_ID": "acme/judge",
            "REFLECTION_MODEL_ID": "acme/reflector",
        }

    def open_gate(self) -> None:
        requests.post(f"http://127.0.0.1:{self.port}/open", timeout=10)

    def shut_gate(self) -> None:
        requests.post(f"http://127.0.0.1:{self.port}/shut", timeout=10)

    def mend(self) -> None:
        requests.post(f"http://127.0.0.1:{self.port}/mend", timeout=10)

    def renew(self) -> None:
        requests.post(f"http://127.0.0.1:{self.port}/renew", timeout=10)

    def wait_for_calls(self) -> None:
        """Wait until a call waits at the gate."""
        wait_for(lambda: requests.get(f"http://127.0.0.1:{self.port}/waiting", timeout=10).json())


@pytest.fixture(scope="session")
def fault_server() -> Iterator[FaultServer]:
    with start_fault_server() as server:
        yield server


@pytest.fixture(scope="session")
def provider_process() -> Iterator[Provider]:
    script = Path(__file__).with_name("provider.py")
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Provider(int(process.stdout.readline()))
        finally:
            process.kill()


@pytest.fixture
def provider(provider_process) -> Iterator[Provider]:
    """The provider with its gate shut; opened at the end, so that nothing waits for ever."""
    provider_process.shut_gate()
    provider_process.renew()
    yield provider_process
    provider_process.open_gate()


@pytest.fixture
def serve(tmp_path) -> Iterator[Callable[..., Server]]:
    """Start servers on one database, one after the other."""
    started: list[Server] = []

    def starting(command: list[str] = SERVE, **variables: str) -> Server:
        started.append(start(command, tmp_path, **variables))
        return started[-1]

    yield starting
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[Server]:
    """One server with the simulator, for tests that leave it as it was."""
    server = start(SERVE, tmp_path_factory.mktemp("server"), MAX_REQUEST_BYTES="65536")
    yield server
    server.stop()
