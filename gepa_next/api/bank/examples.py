"""The example bank over HTTP: one example as JSON, many as a list, JSON lines or CSV."""

import time
from collections.abc import Iterator

from flask import Blueprint, Response, jsonify, request

from gepa_next.api.bank.csv_rows import Row, csv_rows
from gepa_next.api.bank.exporting import FORMATS, bank_of
from gepa_next.api.bank.importing import import_rows, json_lines
from gepa_next.api.bank.states import ExamplePage, ExampleState, ImportState
from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import parse_json, read_text
from gepa_next.api.edge.pacing import in_chunks
from gepa_next.api.edge.paging import cursor, encode_cursor, limit, refuse_unknown, truth
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.intake import to_example
from gepa_next.api.jobs.optimize import validated
from gepa_next.api.jobs.schemas import ExampleBody
from gepa_next.gepa.types import Example
from gepa_next.models import BankExample
from gepa_next.store.bank import delete_example, get_example, list_examples, upsert_examples

bp = Blueprint("examples", __name__, url_prefix="/v1/examples")


@bp.get("")
def index() -> Response:
    """Return a page of this token's examples by id, those with every `tag` asked for; with a `format`, all of them."""
    if "format" in request.args:
        return _exported()
    refuse_unknown("tag", "limit", "cursor", "format")
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
    page = ExamplePage(items=[_shown(each) for each in found[:size]], next_cursor=more)
    return jsonify(page.model_dump(mode="json"))


@bp.post("")
def create() -> tuple[Response, int]:
    """Write one example (201 with it) or many (200 with counts, and the rows that could not be used)."""
    refuse_unknown("dry_run")
    dry_run = truth("dry_run") or False
    text = read_text("application/json", "application/x-ndjson", "text/csv")
    if request.mimetype == "text/csv":
        return _imported(csv_rows(text), dry_run=dry_run)
    if request.mimetype == "application/x-ndjson":
        return _imported(json_lines(text), dry_run=dry_run)
    value = parse_json(text)
    if isinstance(value, list):
        return _imported(enumerate(value, 1), dry_run=dry_run)
    if dry_run:
        raise invalid("dry_run", "only with many examples: a list, JSON lines or CSV")
    return _created(to_example(validated(ExampleBody, value)))


@bp.get("/<example_id>")
def read(example_id: str) -> Response:
    """Return one example."""
    refuse_unknown()
    return _answer(get_example(wiring().database, token_id(), example_id))


@bp.delete("/<example_id>")
def delete(example_id: str) -> Response:
    """Delete one example."""
    refuse_unknown()
    delete_example(wiring().database, token_id(), example_id)
    return Response(status=204)


def _exported() -> Response:
    refuse_unknown("tag", "format")
    name = request.args["format"]
    if name not in FORMATS:
        raise invalid("format", f"one of {', '.join(FORMATS)}")
    content_type, written = FORMATS[name]
    examples = bank_of(wiring().database, token_id(), request.args.getlist("tag"))
    response = Response(in_chunks(written(examples)), content_type=content_type)
    response.headers["Content-Disposition"] = f"attachment; filename=examples.{name}"
    return response


def _created(example: Example) -> tuple[Response, int]:
    upsert_examples(wiring().database, token_id(), [example], now=time.time(), quota=quota())
    return _answer(get_example(wiring().database, token_id(), example.id)), 201


def _imported(rows: Iterator[Row], *, dry_run: bool) -> tuple[Response, int]:
    told = ImportState.model_validate(import_rows(rows, dry_run=dry_run), from_attributes=True)
    return jsonify(told.model_dump(mode="json")), 200


def _answer(found: BankExample) -> Response:
    return jsonify(_shown(found).model_dump(mode="json"))


def _shown(found: BankExample) -> ExampleState:
    example = found.example
    return ExampleState(
        id=example.id,
        input=example.input,
        ideal=example.ideal,
        tags=list(example.tags),
        meta=dict(example.meta),
        created_at=found.created_at,
    )
