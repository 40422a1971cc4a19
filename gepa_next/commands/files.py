"""Prompts and examples from files."""

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gepa_next.client.rows import KINDS, Kind, delimiter_of
from gepa_next.commands.outcome import UsageError

STDIN = "-"
ENDINGS = {"ndjson": "jsonl", "tsv": "csv"}
MOST_BYTES = 64 * 2**20
COLUMNS = ("input", "ideal", "id", "tags")
NAMES_OF_IDEAL = ("expected", "output")

Example = dict[str, Any]  # Any: JSON


def kind_of(path: str, said: str | None) -> Kind:
    """Return what the file holds: as said, by its ending, or JSON lines from stdin."""
    ending = Path(path).suffix.lower().removeprefix(".")
    found = said or ("jsonl" if path == STDIN else ENDINGS.get(ending, ending))
    for kind in KINDS:
        if found == kind:
            return kind
    raise UsageError(f"{path}: its name does not end in .jsonl, .json, .csv or .tsv; say --format")


def read_text(path: str) -> str:
    """Return the text of a file, or of stdin for `-`."""
    if path == STDIN:
        content = sys.stdin.buffer.read(MOST_BYTES + 1)
    else:
        with Path(path).open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: more than {MOST_BYTES} bytes; import big files into the example bank")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}") from None


def refuse_constant(name: str) -> object:
    """Raise ValueError for NaN and Infinity, which Python reads and JSON has not."""
    raise ValueError(f"{name} is no value of JSON")


def read_examples(path: str, kind: str) -> list[Example]:
    """Return the examples of a file."""
    text = read_text(path)
    try:
        found = list({"jsonl": _lines, "json": _list, "csv": _rows}[kind](text))
    except (ValueError, RecursionError, csv.Error) as error:
        raise UsageError(f"{path}: not {kind}: {error}") from None
    if not found:
        raise UsageError(f"{path}: there are no examples in it")
    return found


def _lines(text: str) -> Iterator[Example]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield _object(json.loads(line))
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _list(text: str) -> Iterator[Example]:
    value = json.loads(text)
    yield from map(_object, value if isinstance(value, list) else [None])


def _object(value: object) -> Example:
    if isinstance(value, dict):
        return value
    raise ValueError("a list of objects is expected, or one a line")


def _rows(text: str) -> Iterator[Example]:
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter_of(text, "input"), strict=True)
    if "input" not in (reader.fieldnames or ()):
        raise ValueError("the header has no column `input`")
    for row in reader:
        if None in row or None in row.values():
            raise ValueError(f"line {reader.line_num}: not as many fields as the header has")
        yield _example(row)


def _example(row: dict[str, str]) -> Example:
    ideals = [row[name] for name in ("ideal", *NAMES_OF_IDEAL) if row.get(name)]
    given = {"input": row["input"], "ideal": ideals[0] if ideals else None, "id": row.get("id")}
    tags = [tag.strip() for tag in row.get("tags", "").split(";") if tag.strip()]
    others = {name: value for name, value in row.items() if name not in (*COLUMNS, *NAMES_OF_IDEAL) and value}
    return {**{name: value for name, value in given.items() if value}, "tags": tags, "meta": others}
