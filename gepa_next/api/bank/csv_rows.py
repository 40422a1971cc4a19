"""Examples as rows of CSV, both ways: what was written is read as it was."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.errors import RefusedError
from gepa_next.gepa.types import Example

COLUMNS = ("id", "input", "ideal", "tags", "meta")
OTHER_NAMES_OF_IDEAL = frozenset({"expected", "output"})
DELIMITERS = (",", ";", "\t")
LONGEST_HEADER = 100_000
Row = tuple[int, object]
# A spreadsheet computes what begins so, unless an apostrophe stands before it; one alone stands for an empty text.
_QUOTED = re.compile(r"'*(?:[=+\-@\t\r]|\Z)")


def csv_rows(text: str) -> Iterator[Row]:
    """Yield line and example of each row, by the header's names; columns of other names go into `meta`."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    names = _column_names(reader)
    line = reader.line_num
    try:
        for cells in reader:
            line = reader.line_num
            if cells:
                yield line, _example(names, cells)
    except csv.Error as error:
        yield line + 1, RefusedError("validation_error", f"not CSV from here on: {error}")


def csv_lines(examples: Iterator[Example]) -> Iterator[str]:
    """Yield the header and a row for each example."""
    yield _line(COLUMNS)
    for each in examples:
        meta = json.dumps(each.meta, ensure_ascii=False) if each.meta else None
        cells = (each.id, each.input, each.ideal, _tag_cell(each.tags), meta)
        yield _line(["" if cell is None else _quoted(cell) for cell in cells])


def _delimiter(text: str) -> str:
    """Return what splits the header into most names, or into names among which is `input`."""
    header = text.lstrip("\r\n")[:LONGEST_HEADER].partition("\n")[0].rstrip("\r")

    def found(delimiter: str) -> tuple[bool, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return "input" in names, len(names)

    return max(DELIMITERS, key=found)


def _column_names(reader: "Iterator[list[str]]") -> list[str]:
    """Return the header's names without the blanks around them, `ideal` also for its other names."""
    try:
        names = [name.strip() for name in next((cells for cells in reader if cells), [])]
    except csv.Error as error:
        raise invalid("header", f"not CSV: {error}") from None
    names = ["ideal" if name in OTHER_NAMES_OF_IDEAL else name for name in names]
    if "input" not in names:
        raise invalid("input", f"the CSV header has no column `input`; it has {', '.join(names)[:200] or 'nothing'}")
    if len(set(names)) < len(names) or any("\0" in name for name in names):
        raise invalid("header", "every column needs a name of its own, without NUL")
    return names


def _example(names: Sequence[str], cells: Sequence[str]) -> object:
    if len(cells) != len(names):
        return RefusedError("validation_error", "the row has not as many fields as the header")
    if any("\0" in cell for cell in cells):
        return RefusedError("validation_error", "the character NUL is not allowed")
    example: dict[str, object] = {}
    meta: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell:
            try:
                value = _READ.get(name, str)(_unquoted(cell))
            except RefusedError as error:
                return RefusedError("validation_error", f"{name}: {error.message}")
            if name == "meta" and isinstance(value, dict):
                meta.update(value)
            else:
                (example if name in COLUMNS else meta)[name] = value
    return {**example, "meta": meta}


def _tags(cell: str) -> object:
    if cell.startswith("["):
        return parse_json(cell)
    return [tag.strip() for tag in cell.split(";") if tag.strip()]


def _meta(cell: str) -> object:
    value = parse_json(cell) if cell.startswith("{") else None
    if not isinstance(value, dict):
        raise RefusedError("validation_error", "a JSON object is expected")
    return value


_READ: Mapping[str, Callable[[str], object]] = {"tags": _tags, "meta": _meta}


def _tag_cell(tags: Sequence[str]) -> str | None:
    """Return the tags split by `;`, or as JSON where that would not bring them back."""
    cell = ";".join(tags)
    if not tags or (_tags(cell) if not cell.startswith("[") else None) == list(tags):
        return cell or None
    return json.dumps(tags, ensure_ascii=False)


def _quoted(cell: str) -> str:
    return f"'{cell}" if _QUOTED.match(cell) else cell


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _QUOTED.match(cell, 1) else cell


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(cells)
    return file.getvalue()
