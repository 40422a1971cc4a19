"""Examples as rows of CSV, both ways: what was written is read as it was."""

import csv
import io
import json
from collections.abc import Iterator, Sequence

from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.csv_text import COLUMNS, CsvError, column_names, delimiter_of, example_of, quoted, tags_of
from gepa_next.errors import RefusedError
from gepa_next.gepa.types import Example

Row = tuple[int, object]


def csv_rows(text: str) -> Iterator[Row]:
    """Yield line and example of each row, by the header's names; columns of other names go into `meta`."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter_of(text, "input"), strict=True)
    names = _names(reader)
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
        yield _line(["" if cell is None else quoted(cell) for cell in cells])


def _names(reader: Iterator[list[str]]) -> list[str]:
    try:
        return column_names(next((cells for cells in reader if cells), []))
    except csv.Error as error:
        raise invalid("header", f"not CSV: {error}") from None
    except CsvError as error:
        raise invalid("header", str(error)) from None


def _example(names: Sequence[str], cells: Sequence[str]) -> object:
    try:
        return example_of(names, cells, _parsed)
    except CsvError as error:
        return RefusedError("validation_error", str(error))


def _parsed(cell: str) -> object:
    try:
        return parse_json(cell)
    except RefusedError as error:
        raise CsvError(error.message) from None


def _tag_cell(tags: Sequence[str]) -> str | None:
    """Return the tags split by `;`, or as JSON where that would not bring them back."""
    cell = ";".join(tags)
    if not tags or (tags_of(cell, _parsed) if not cell.startswith("[") else None) == list(tags):
        return cell or None
    return json.dumps(tags, ensure_ascii=False)


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file).writerow(cells)
    return file.getvalue()
