"""Where the environment with the reference implementation is, if it was made."""

from pathlib import Path

import pytest

PYTHON = Path(__file__).parents[2] / "build/reference/bin/python"
needed = pytest.mark.skipif(not PYTHON.exists(), reason="make build/reference/.installed makes its environment")
