"""How long the web process computes at a stretch while it takes rows into the bank, and gives them back.

make bench-import
"""

from benchmarks.big_job import slices  # isort: skip # before anything else: it patches, as in the web process

import gc
import tempfile
from contextlib import closing
from pathlib import Path

from flask.testing import FlaskClient

from benchmarks.importing import write_rows
from gepa_next.api.edge.wiring import EXTENSION
from gepa_next.app import create_app
from gepa_next.config import Settings

ROWS, CHUNK = 50_000, 4_000  # rows of a megabyte


def main() -> None:
    """Print the longest stretch, of CPU time, of each of the four ways."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "bench.sqlite3")
        settings = Settings(_env_file=None, require_auth=False, runner="none", database_path=path, rate_limit_per_min=0)
        app = create_app(settings)
        with closing(app.extensions[EXTENSION].database):
            client = app.test_client()
            gc.collect()
            gc.freeze()  # Python's collection of cycles is left out, as for an iteration
            gc.disable()
            for kind, content_type in (("jsonl", "application/x-ndjson"), ("csv", "text/csv")):
                imported(client, Path(folder, f"rows.{kind}"), content_type)
                exported(client, kind)


def imported(client: FlaskClient, path: Path, content_type: str) -> None:
    """Send the rows of a file, a megabyte at a time."""
    write_rows(path, ROWS)
    lines = path.read_bytes().splitlines(keepends=True)
    header = lines.pop(0) if path.suffix == ".csv" else b""
    found: list[float] = []
    for start in range(0, len(lines), CHUNK):
        with slices() as each:
            answer = client.post(
                "/v1/examples", data=header + b"".join(lines[start : start + CHUNK]), content_type=content_type
            )
            if answer.status_code != 200 or b"upserted" not in answer.data:
                raise SystemExit(answer.text)
        found += each
    tell(f"{path.suffix} into the bank", found)


def exported(client: FlaskClient, kind: str) -> None:
    """Read the whole bank."""
    with slices() as found:
        for _ in client.get(f"/v1/examples?format={kind}").iter_encoded():
            pass
    tell(f".{kind} out of the bank", found)


def tell(what: str, found: list[float]) -> None:
    """Print the longest stretches."""
    ordered = sorted(found)
    late = ordered[int(0.99 * len(ordered))]
    print(f"{what}: longest {1000 * ordered[-1]:.1f} ms, p99 {1000 * late:.1f} ms of {1000 * sum(found):.0f} ms")


if __name__ == "__main__":
    main()
