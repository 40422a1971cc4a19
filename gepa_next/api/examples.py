"""The example bank over HTTP: one example as JSON, many as a list, JSON lines or CSV."""

import csv
import io
import time
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from gepa_next.api.auth import token_id
from gepa_next.api.body import parse_json, read_text
from gepa_next.api.intake import invalid, to_example
from gepa_next.api.optimize import validated
from gepa_next.api.paging import cursor, encode_cursor, limit, refuse_unknown
from gepa_next.api.schemas import ExampleBody
from gepa_next.api.wiring import wiring
from gepa_next.errors import InvalidError, RefusedError
from gepa_next.gepa.types import Example
from gepa_next.models import BankExample
from gepa_next.store.bank import delete_example, get_example, list_examples, upsert_examples

bp = Blueprint("examples", __name__, url_prefix="/v1/examples")

MOST_ERRORS = 100
OTHER_NAMES_OF_IDEAL = frozenset({"expected", "output"})
KNOWN_COLUMNS = ("input", "ideal", "id", "tags")
Row = tuple[int, object]


@bp.get("")
def index() -> Response:
    """Return a page of this token's examples by id, those with every `tag` asked for."""
    refuse_unknown("tag", "limit", "cursor")
    size = limit()
    after = cursor(str)
    found = list_examples(
        wiring().database,
        token_id(),
        tags=request.args.getlist("tag"),
        limit=size + 1,
        after=str(after[0]) if after else None,
    )
    more = encode_cursor(found[size - 1].example.id) if len(found) > size else None
    return jsonify({"items": [_shown(each) for each in found[:size]], "next_cursor": more})


@bp.post("")
def create() -> tuple[Response, int]:
    """Write one example (201 with it) or many (200 with counts, and the rows that could not be used)."""
    refuse_unknown()
    text = read_text("application/json", "application/x-ndjson", "text/csv")
    if request.mimetype == "application/json":
        value = parse_json(text)
        if not isinstance(value, list):
            return _created(to_example(validated(ExampleBody, value)))
        return _imported(enumerate(value, 1))
    return _imported(_csv_rows(text) if request.mimetype == "text/csv" else _json_lines(text))


@bp.get("/<example_id>")
def read(example_id: str) -> Response:
    """Return one example."""
    refuse_unknown()
    return jsonify(_shown(get_example(wiring().database, token_id(), example_id)))


@bp.delete("/<example_id>")
def delete(example_id: str) -> Response:
    """Delete one example."""
    refuse_unknown()
    delete_example(wiring().database, token_id(), example_id)
    return Response(status=204)


def _created(example: Example) -> tuple[Response, int]:
    upsert_examples(wiring().database, token_id(), [example], now=time.time())
    return jsonify(_shown(get_example(wiring().database, token_id(), example.id))), 201


def _imported(rows: Iterator[Row]) -> tuple[Response, int]:
    examples: list[Example] = []
    errors: list[dict[str, object]] = []
    for number, value in rows:
        try:
            if isinstance(value, RefusedError):
                raise value
            examples.append(to_example(validated(ExampleBody, value)))
        except InvalidError as error:
            path, message = error.details[0]
            errors.append({"row": number, "path": path, "message": message})
        except RefusedError as error:
            errors.append({"row": number, "path": "", "message": error.message})
    written = upsert_examples(wiring().database, token_id(), examples, now=time.time())
    counts = {"upserted": written.upserted, "duplicates": written.duplicates}
    return jsonify({**counts, "errors": errors[:MOST_ERRORS]}), 200


def _json_lines(text: str) -> Iterator[Row]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _parsed(line)


def _parsed(line: str) -> object:
    try:
        return parse_json(line)
    except RefusedError as error:
        return error


def _csv_rows(text: str) -> Iterator[Row]:
    """Yield rows by the header's names: `tags` split by `;`, unknown columns into `meta`."""
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    reader.fieldnames = _column_names(reader)
    line = reader.line_num
    try:
        for row in reader:
            line = reader.line_num
            yield line, _csv_example(row)
    except csv.Error as error:
        yield line + 1, RefusedError("validation_error", f"not CSV from here on: {error}")


def _column_names(reader: "csv.DictReader[str]") -> list[str]:
    """Return the header's names without the blanks around them, `ideal` also for its other names."""
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
    except csv.Error as error:
        raise invalid("header", f"not CSV: {error}") from None
    names = ["ideal" if name in OTHER_NAMES_OF_IDEAL else name for name in names]
    if "input" not in names:
        raise invalid("input", "the CSV header has no column `input`")
    if len(set(names)) < len(names) or any("\0" in name for name in names):
        raise invalid("header", "every column needs a name of its own, without NUL")
    return names


def _csv_example(row: dict[str | None, str | list[str] | None]) -> object:
    if None in row or None in row.values():
        return RefusedError("validation_error", "the row has not as many fields as the header")
    if any("\0" in str(value) for value in row.values()):
        return RefusedError("validation_error", "the character NUL is not allowed")
    example: dict[str, object] = {name: row[name] for name in ("input", "ideal", "id") if row.get(name)}
    tags = str(row.get("tags") or "")
    example["tags"] = [tag.strip() for tag in tags.split(";") if tag.strip()]
    example["meta"] = {name: value for name, value in row.items() if name not in KNOWN_COLUMNS and value}
    return example


def _shown(found: BankExample) -> dict[str, object]:
    example = found.example
    return {
        "id": example.id,
        "input": example.input,
        "ideal": example.ideal,
        "tags": example.tags,
        "meta": example.meta,
        "created_at": found.created_at,
    }
