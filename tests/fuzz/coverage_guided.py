"""Fuzzes what reads strangers' bytes with atheris, which follows the branches that are taken, if it is installed.

    python -m tests.fuzz.coverage_guided --seconds 120 [--only reply]

A finding is left in the folder that is named, to become a line of `test_found.py`.
"""

import argparse
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

SLOWEST_S, LONGEST_BYTES = 10, 4096
ROOMS = ["gepa_next.api.edge.body", "gepa_next.client", "gepa_next.llm", "json_repair", "json"]


def main() -> int:
    """Fuzz each reader for so long in a process of its own; return 1 if there is a finding."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("--seconds", type=int, default=120, help="for each reader")
    asked.add_argument("--only", help="one reader")
    asked.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    asked.add_argument("--corpus", default="", help=argparse.SUPPRESS)
    given = asked.parse_args()
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(
            "atheris is not installed (it has no build for every Python): readers are not fuzzed with it\n"
        )
        return 0
    if given.here:
        fuzz(given.only, given.seconds, given.corpus)
    from tests.fuzz.readers import READERS  # noqa: PLC0415 - in the process that fuzzes it has to be instrumented

    ends = [_in_a_process(name, given.seconds) for name in ([given.only] if given.only else READERS)]
    return int(any(ends))


def _in_a_process(name: str, seconds: int) -> int:
    from tests.fuzz.readers import SEEDS  # noqa: PLC0415 - as above

    corpus = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-"))
    for place, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{place}").write_bytes(seed)
    sys.stderr.write(f"{name}: findings would be in {corpus}\n")
    here = [sys.executable, "-m", __spec__.name, "--here", "--only", name, "--seconds", str(seconds)]
    return subprocess.run([*here, "--corpus", str(corpus)], timeout=seconds + 300, check=False).returncode


def fuzz(name: str, seconds: int, corpus: str) -> None:
    """Fuzz a reader in this process, which ends with it."""
    import atheris  # type: ignore[import-not-found,unused-ignore] # noqa: PLC0415 - not there for every Python

    with atheris.instrument_imports(include=ROOMS):
        from tests.fuzz.readers import READERS  # noqa: PLC0415 - now instrumented
    words = [f"-max_total_time={seconds}", f"-max_len={LONGEST_BYTES}", f"-timeout={SLOWEST_S}", "-print_final_stats=1"]
    words += ["-len_control=0"]  # long inputs from the start: a slow reader would see none
    atheris.Setup([sys.argv[0], *words, f"-artifact_prefix={corpus}/finding-", corpus], READERS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    sys.exit(main())
