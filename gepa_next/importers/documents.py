"""The files of other tools as values: JSON lines, JSON, YAML or CSV, none of them larger than can be held."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gepa_next.client.json_list import Unreadable
from gepa_next.client.rows import split_csv
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.csv_text import delimiter_of
from gepa_next.importers.foreign import Json, Numbered
from gepa_next.importers.yaml_text import yaml_value

MOST_CHARACTERS = 64 * 2**20
MOST_YAML_CHARACTERS = 8 * 2**20
MOST_VALUES = 2_000_000
DEEPEST = 100
JSON_LINES = (".jsonl", ".ndjson")
YAML = (".yaml", ".yml")


def read_document(source: Source, name: str) -> object:
    """Return the value of a JSON or YAML file; FileError if it is none."""
    ending = Path(name).suffix.lower()
    text = _whole(source, MOST_YAML_CHARACTERS if ending in YAML else MOST_CHARACTERS)
    try:
        value = yaml_value(text) if ending in YAML else json.loads(text)
    except RecursionError:
        raise FileError(f"{name}: nested too deep") from None
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{name}: not {'YAML' if ending in YAML else 'JSON'}: {error}") from None
    _refuse_bomb(value, name)
    return value


def read_json_lines(source: Source) -> Iterator[Numbered | Unreadable]:
    """Yield line and object of each line; what is no object is told by its line."""
    for number, line in enumerate(source.lines(), 1):
        if line.isspace():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Unreadable(number, f"not JSON: {error}")
            continue
        yield (number, value) if isinstance(value, dict) else Unreadable(number, "not an object in JSON")


def read_table(source: Source) -> Iterator[tuple[int, dict[str, str]] | Unreadable]:
    """Yield line and cells by column of each row of CSV."""
    rows = split_csv(source.lines(), delimiter_of(source.start()))
    header = next(rows, None)
    if header is None or isinstance(header, Unreadable):
        raise FileError("no CSV header" if header is None else header.message)
    names = [name.strip() for name in header[1]]
    for row in rows:
        if isinstance(row, Unreadable) or len(row[1]) == len(names):
            yield row if isinstance(row, Unreadable) else (row[0], dict(zip(names, row[1], strict=True)))
        else:
            yield Unreadable(row[0], "not as many fields as the header has")


@contextmanager
def beside(name: str, folder: Path) -> Iterator[Source]:
    """Open a file that another names; FileError if it is outside the folder, or not there."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise FileError(f"{name}: outside the folder of the file that names it")
    try:
        file = path.open("rb")
    except OSError as error:
        raise FileError(f"{name}: {error.strerror}") from None
    with file:
        yield Source(file)


def read_beside(name: str, folder: Path) -> object:
    """Return the value of a JSON or YAML file that another names."""
    with beside(name, folder) as source:
        return read_document(source, name)


def text_beside(name: str, folder: Path) -> str:
    """Return the text of a file that another names."""
    with beside(name, folder) as source:
        return _whole(source, MOST_CHARACTERS)


def objects(value: object) -> list[Json]:
    """Return the objects of a list, or the object alone."""
    return [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]


def _whole(source: Source, most: int) -> str:
    blocks, size = [], 0
    for block in source.blocks():
        blocks.append(block)
        size += len(block)
        if size > most:
            raise FileError(f"more than {most} characters, which is more than can be held")
    return "".join(blocks)


def _refuse_bomb(value: object, name: str) -> None:
    """Raise FileError for what is small in YAML and large, or endless, where its aliases are followed."""
    waiting: list[tuple[int, object]] = [(0, value)]
    seen = 0
    while waiting:
        depth, each = waiting.pop()
        inner = list(each.values()) if isinstance(each, dict) else each if isinstance(each, list) else []
        seen += len(inner)
        if seen > MOST_VALUES or depth > DEEPEST:
            raise FileError(f"{name}: it expands to more than can be held")
        waiting.extend((depth + 1, child) for child in inner)
