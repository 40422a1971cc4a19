"""Prompts and examples from files."""

import argparse
import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from gepa_next.client import FileError
from gepa_next.client.json_list import Unreadable
from gepa_next.client.rows import KINDS, Kind, Rows, rows_of
from gepa_next.client.sniffing import ENCODINGS
from gepa_next.client.source import Source
from gepa_next.commands.outcome import UsageError
from gepa_next.csv_text import DELIMITERS, CsvError, column_names, example_of

STDIN = "-"
ENDINGS = {"ndjson": "jsonl", "tsv": "csv"}
NAMED_DELIMITERS = {"tab": "\t"}
MOST_BYTES = 64 * 2**20

Example = dict[str, Any]  # Any: JSON


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a file of examples is read."""
    parser.add_argument("--format", choices=KINDS, help="of the examples, where the file's name does not end in it")
    parser.add_argument(
        "--encoding",
        choices=ENCODINGS,
        metavar="NAME",
        help=f"{', '.join(ENCODINGS)}; UTF-8, or UTF-16 with a mark, if left out",
    )
    parser.add_argument(
        "--delimiter", type=_delimiter, metavar="MARK", help="of CSV: , or ; or tab; by its header if left out"
    )


def _delimiter(text: str) -> str:
    found = NAMED_DELIMITERS.get(text, text)
    if found not in DELIMITERS:
        raise argparse.ArgumentTypeError("one of , ; tab")
    return found


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
    with opened(path) as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{path}: more than {MOST_BYTES} bytes")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}") from None


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """Yield the file, or stdin for `-`."""
    if path == STDIN:
        yield sys.stdin.buffer
        return
    with Path(path).open("rb") as file:
        yield file


@contextmanager
def naming(path: str) -> Iterator[None]:
    """Name the file in what is said of it."""
    try:
        yield
    except (FileError, CsvError) as error:
        raise FileError(f"{path}: {error}") from None


def read_examples(path: str, options: argparse.Namespace) -> list[Example]:
    """Return the examples of a file, all of which can be used."""
    kind = kind_of(path, options.format)
    with opened(path) as file, naming(path):
        source = Source(file, options.encoding)
        found = []
        for each in _examples(rows_of(source, kind, options.delimiter), kind):
            found.append(each)
            if source.bytes_read > MOST_BYTES:
                raise FileError(f"more than {MOST_BYTES} bytes; import big files into the example bank")
    if not found:
        raise UsageError(f"{path}: there are no examples in it")
    return found


def _examples(rows: Rows, kind: Kind) -> Iterator[Example]:
    names = column_names(_cells(rows.header)) if kind == "csv" else []
    for row in rows.rows:
        place = f"{'example' if kind == 'json' else 'line'} {row.line}"
        if isinstance(row, Unreadable):
            raise FileError(f"{place}: {row.message}")
        try:
            yield example_of(names, _cells(row.body), parse_json) if names else _object(row.body.decode())
        except ValueError as error:
            raise FileError(f"{place}: {error}") from None


def _cells(line: bytes) -> list[str]:
    return next(csv.reader([line.decode()]))


def _object(text: str) -> Example:
    value = parse_json(text)
    if isinstance(value, dict):
        return value
    raise ValueError("not an object in JSON")


def parse_json(text: str) -> object:
    """Return the value; ValueError for what is not JSON, as NaN and Infinity are not, which Python reads."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no value of JSON")
