"""CSV as people's programs and the example bank write it: what splits it, and what its cells mean."""

import csv
import re
from collections.abc import Callable, Mapping, Sequence

COLUMNS = ("id", "input", "ideal", "tags", "meta")
OTHER_NAMES_OF_IDEAL = frozenset({"expected", "output"})
DELIMITERS = (",", ";", "\t")
LONGEST_HEADER = 100_000
_LINE_END = re.compile(r"\r|\n")  # of old Macs too
# A spreadsheet computes what begins so, unless an apostrophe stands before it; one alone stands for an empty text.
_QUOTED = re.compile(r"'*(?:[=+\-@\t\r]|\Z)")

ParseJson = Callable[[str], object]


class CsvError(ValueError):
    """Report a header or cells that are no examples."""


def delimiter_of(start: str, column: str = "") -> str:
    """Return what splits the header into most names, or into names among which is the column."""
    header = _LINE_END.split(start.lstrip("\r\n")[:LONGEST_HEADER], maxsplit=1)[0]

    def found(delimiter: str) -> tuple[bool, int]:
        names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
        return column in names, len(names)

    return max(DELIMITERS, key=found)


def column_names(header: Sequence[str]) -> list[str]:
    """Return the header's names without the blanks around them, `ideal` also for its other names."""
    names = [name.strip() for name in header]
    names = ["ideal" if name in OTHER_NAMES_OF_IDEAL else name for name in names]
    if "input" not in names:
        raise CsvError(f"the CSV header has no column `input`; it has {', '.join(names)[:200] or 'nothing'}")
    if len(set(names)) < len(names) or any("\0" in name for name in names):
        raise CsvError("every column needs a name of its own, without NUL")
    return names


def example_of(names: Sequence[str], cells: Sequence[str], parse_json: ParseJson) -> dict[str, object]:
    """Return the row as an example, not yet validated; columns of other names go into `meta`."""
    if len(cells) != len(names):
        raise CsvError("the row has not as many fields as the header")
    if any("\0" in cell for cell in cells):
        raise CsvError("the character NUL is not allowed")
    example: dict[str, object] = {}
    meta: dict[str, object] = {}
    for name, cell in zip(names, cells, strict=True):
        if cell:
            value = _value(name, _unquoted(cell), parse_json)
            if name == "meta" and isinstance(value, dict):
                meta.update(value)
            else:
                (example if name in COLUMNS else meta)[name] = value
    return {**example, "meta": meta}


def quoted(cell: str) -> str:
    """Return the cell so that a spreadsheet does not compute it."""
    return f"'{cell}" if _QUOTED.match(cell) else cell


def tags_of(cell: str, parse_json: ParseJson) -> object:
    """Return the tags that `;` splits, or the JSON list that the cell is."""
    if cell.startswith("["):
        return parse_json(cell)
    return [tag.strip() for tag in cell.split(";") if tag.strip()]


def _meta_of(cell: str, parse_json: ParseJson) -> object:
    value = parse_json(cell) if cell.startswith("{") else None
    if not isinstance(value, dict):
        raise CsvError("a JSON object is expected")
    return value


_READ: Mapping[str, Callable[[str, ParseJson], object]] = {"tags": tags_of, "meta": _meta_of}


def _value(name: str, cell: str, parse_json: ParseJson) -> object:
    read = _READ.get(name)
    if read is None:
        return cell
    try:
        return read(cell, parse_json)
    except ValueError as error:
        raise CsvError(f"{name}: {error}") from None


def _unquoted(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and _QUOTED.match(cell, 1) else cell
