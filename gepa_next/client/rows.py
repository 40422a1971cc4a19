"""The rows of a file, each as the bytes that a request carries, and the line where it begins."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from gepa_next.client.json_list import Item, Unreadable, json_list
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.csv_text import delimiter_of

Kind = Literal["csv", "jsonl", "json"]
KINDS: tuple[Kind, ...] = ("jsonl", "json", "csv")


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is sent, and its first line in the file, or its number in a list."""

    line: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """A file as rows: the header that each request begins with, and an iterator that reads as it goes."""

    header: bytes
    rows: Iterator[Row | Unreadable]


def rows_of(source: Source, kind: Kind, delimiter: str | None = None) -> Rows:
    """Return the rows of the file; FileError if it is not of that kind."""
    start = source.start()
    if kind == "csv":
        return _csv_rows(source, start, delimiter)
    if kind == "json":
        if not start.startswith("["):
            hint = ": are these JSON lines? Then say --format jsonl" if start.startswith("{") else ""
            raise FileError(f"not a list in JSON{hint}")
        return Rows(b"", (_sent(each) for each in json_list(source.blocks())))
    if start.startswith("["):
        raise FileError("this is a list in JSON, not a line for each example: say --format json")
    return Rows(b"", _lines(source))


def split_csv(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str]] | Unreadable]:
    """Yield first line and cells of each row that is not empty."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if cells:
                yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        yield Unreadable(line, f"not CSV from here on: {error}")


def _lines(source: Source) -> Iterator[Row]:
    for number, line in enumerate(source.lines(), 1):
        if not line.isspace():
            yield Row(number, (line if line.endswith("\n") else f"{line}\n").encode())


def _sent(item: Item | Unreadable) -> Row | Unreadable:
    return item if isinstance(item, Unreadable) else Row(item.number, json.dumps(item.value).encode() + b"\n")


def _csv_rows(source: Source, start: str, delimiter: str | None) -> Rows:
    if start.startswith(("{", "[")):
        raise FileError(f"not CSV: it begins with {start[0]}; if it is JSON, say --format jsonl or json")
    rows = split_csv(source.lines(), delimiter or delimiter_of(start, "input"))
    header = next(rows, Unreadable(1, "the file is empty"))
    if isinstance(header, Unreadable):
        raise FileError(f"line {header.line}: {header.message}")
    names = [name.strip() for name in header[1]]
    if "input" not in names:
        raise FileError(f"the CSV header has no column `input`; it has {', '.join(names)[:200]}")
    return Rows(_line(names), (each if isinstance(each, Unreadable) else Row(each[0], _line(each[1])) for each in rows))


def _line(cells: Sequence[str]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(cells)
    return file.getvalue().encode()
