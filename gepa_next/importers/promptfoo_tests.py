"""The tests of promptfoo: in a list, in files that a list names, or as rows of CSV."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from gepa_next.client.json_list import Unreadable
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.importers.documents import (
    JSON_LINES,
    YAML,
    beside,
    objects,
    read_beside,
    read_json_lines,
    read_table,
)
from gepa_next.importers.foreign import Json, Lost, Place

DEEPEST = 5
READ = {*JSON_LINES, *YAML, ".json", ".csv"}
OPTIONS_LOST = "it changes what is sent or scored, by code or by words around the prompt"
_EXPECTED = re.compile(r"((?:not-)?[a-z][a-z0-9-]*)(?:\(([0-9.]+)\))?\s*:(?!//)\s*(.*)", re.DOTALL)
_SHORT_NAMES = {"fn": "javascript", "eval": "javascript", "grade": "llm-rubric"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """A test: its place, variables, checks, and what is to be kept about it."""

    __test__ = False  # not one of pytest's

    line: int
    values: Mapping[str, object] = field(default_factory=dict)
    checks: tuple[Json, ...] = ()
    meta: Mapping[str, object] = field(default_factory=dict)

    def under(self, default: "Test") -> "Test":
        """Return the test with what the default has beside it."""
        return replace(
            self,
            values={**default.values, **self.values},
            checks=(*default.checks, *self.checks),
            meta={**default.meta, **self.meta},
        )


def _test_of(line: int, value: Json) -> Test:
    """Return a test that is written as an object."""
    values, checks, meta = value.get("vars"), value.get("assert"), value.get("metadata")
    about = value.get("description")
    return Test(
        line=line,
        values=values if isinstance(values, dict) else {"vars": values} if values else {},
        checks=tuple(objects(checks)) if checks else (),
        meta={**({"description": about} if about else {}), **(meta if isinstance(meta, dict) else {})},
    )


def _table_test(line: int, row: Mapping[str, str]) -> Test:
    """Return a test that is a row of CSV: variables by column, and columns that begin with two underscores."""
    checks = [expected(cell) for name, cell in row.items() if re.fullmatch(r"__expected\d*", name) and cell]
    meta = {
        name.removeprefix("__metadata:"): cell for name, cell in row.items() if name.startswith("__metadata:") and cell
    }
    about = row.get("__description")
    values = {name: cell for name, cell in row.items() if not name.startswith("__")}
    return Test(
        line=line, values=values, checks=tuple(checks), meta={**({"description": about} if about else {}), **meta}
    )


def expected(cell: str) -> Json:
    """Return the check that a cell such as `contains: Paris` or `similar(0.8): hello` means."""
    found = _EXPECTED.fullmatch(cell.strip())
    if found is None or " " in found[1]:
        return {"type": "equals", "value": cell}
    kind = _SHORT_NAMES.get(found[1], found[1])
    return {"type": kind, "value": found[3], **({"threshold": float(found[2])} if found[2] else {})}


def defaults_of(config: Json, folder: Path, lost: Lost) -> Test:
    """Return what every test has."""
    given = config.get("defaultTest")
    if isinstance(given, str):
        given = read_beside(given.removeprefix("file://"), folder)
    value = given if isinstance(given, dict) else {}
    for name in value.get("options") or {}:
        lost.note(f"option {name}", OPTIONS_LOST)
    return _test_of(0, value)


def place_of(named: object) -> Place:
    """Return what the numbers of the tests count: lines if all are in files of lines, else tests."""
    each = named if isinstance(named, list) else [named]
    endings = {Path(name).suffix.lower() if isinstance(name, str) else "" for name in each}
    return "line" if endings and endings <= {*JSON_LINES, ".csv"} else "example"


def load_tests(value: object, folder: Path, lost: Lost, depth: int = 0) -> list[Test | Unreadable]:
    """Return the tests of a list, of a file, or of files that a list names."""
    found: list[Test | Unreadable] = []
    for place, each in enumerate(value if isinstance(value, list) else [value] if value else [], 1):
        if isinstance(each, str):
            found += _named(each, folder, lost, depth)
        elif isinstance(each, dict) and ("vars" in each or "assert" in each):
            for name in each.get("options") or {}:
                lost.note(f"option {name}", OPTIONS_LOST)
            for name in sorted(set(each) & {"threshold", "provider", "providers", "prompts"}):
                lost.note(f"{name} of a test", "all examples of a job are run and scored alike")
            found.append(_test_of(place, each))
        else:
            lost.note("test", "it has neither vars nor assert: made by code, or not a test")
    return found


def _named(name: str, folder: Path, lost: Lost, depth: int) -> list[Test | Unreadable]:
    path = Path(name.removeprefix("file://"))
    if "*" in path.name and ".." not in path.parts and not path.is_absolute():
        files = sorted(each.relative_to(folder) for each in folder.glob(str(path)) if each.is_file())
        return [test for each in files for test in _named(str(each), folder, lost, depth + 1)]
    if "://" in name.removeprefix("file://") or path.suffix.lower() not in READ or depth > DEEPEST:
        lost.note(f"tests {name}", "made by code, from elsewhere, or in a format that is not read")
        return []
    try:
        return _read(str(path), folder, lost, depth)
    except FileError as error:
        lost.note(f"tests {name}", str(error))
        return []


def _read(path: str, folder: Path, lost: Lost, depth: int) -> list[Test | Unreadable]:
    ending = Path(path).suffix.lower()
    if ending in {".csv", *JSON_LINES}:
        with beside(path, folder) as source:
            return table_tests(source) if ending == ".csv" else line_tests(source)
    return load_tests(read_beside(path, folder), folder, lost, depth + 1)


def table_tests(source: Source) -> list[Test | Unreadable]:
    """Return the tests of a CSV file."""
    return [each if isinstance(each, Unreadable) else _table_test(*each) for each in read_table(source)]


def line_tests(source: Source) -> list[Test | Unreadable]:
    """Return the tests of a file of JSON lines."""
    return [each if isinstance(each, Unreadable) else _test_of(*each) for each in read_json_lines(source)]
