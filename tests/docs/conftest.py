"""A development server, for what a newcomer pastes."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gepa_next.config import Settings
from tests.docs.pages import ROOT, TIMEOUT_S


@pytest.fixture(scope="module")
def database_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("server") / "docs.sqlite3"


@pytest.fixture(scope="module")
def server(database_path: Path) -> Iterator[str]:
    """Yield the server's address; its socket listens before the address is told."""
    kept = {name: value for name, value in os.environ.items() if name.lower() not in Settings.model_fields}
    environment = {**kept, "PYTHONPATH": str(ROOT), "DATABASE_PATH": str(database_path)}
    command = [sys.executable, "-m", "gepa_next", "--dev", "--port", "0"]
    with subprocess.Popen(
        command, cwd=database_path.parent, env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found, "the server said no address"
            yield found[0]
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)
