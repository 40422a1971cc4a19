"""Read a file of another tool, without a server."""

import io
import json
from pathlib import Path
from typing import NamedTuple

from gepa_next.client.json_list import Unreadable
from gepa_next.client.source import Source
from gepa_next.importers import IMPORTERS


class Read(NamedTuple):
    """What an importer made of a file."""

    examples: list[dict]
    unreadable: dict[int, str]
    job: dict | None
    lost: dict[str, int]


def read(origin: str, path: Path, definition: Path | None = None) -> Read:
    """Return what the importer makes of the file; all of it is JSON."""
    foreign = IMPORTERS[origin](Source(io.BytesIO(path.read_bytes())), path, definition)
    rows = list(foreign.examples())
    job = foreign.job()
    examples = [each[1] for each in rows if not isinstance(each, Unreadable)]
    wrong = {each.line: each.message for each in rows if isinstance(each, Unreadable)}
    assert all(each["what"] and each["why"] for each in foreign.lost.items())
    return Read(
        json.loads(json.dumps(examples)), wrong, job, {each["what"]: each["count"] for each in foreign.lost.items()}
    )


def json_lines(path: Path, rows: list) -> Path:
    """Write the rows and return the file."""
    path.write_text("".join(f"{json.dumps(each)}\n" for each in rows), encoding="utf-8")
    return path
