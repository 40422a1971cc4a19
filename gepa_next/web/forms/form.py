"""A form that orders jobs: shown, quoted, changed, ordered; the same with scripts and without."""

import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from flask import Response, make_response, redirect, request
from werkzeug.exceptions import RequestEntityTooLarge

from gepa_next.api.edge.auth import check_scope, token
from gepa_next.api.edge.body import refuse_encoded
from gepa_next.api.edge.errors import STATUS_BY_CODE
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.errors import InvalidError, RefusedError
from gepa_next.web.admission import render
from gepa_next.web.forms.drafts import Form, compacted, field_of, rows, worded
from gepa_next.web.forms.orders import Order, make, quotes_of, sum_of

MORE = {"more-metrics": "metric", "more-components": "component"}
MOST_SHOWN = 12


@dataclass(frozen=True, slots=True)
class OrderForm:
    """A form for an order: its template, what is shown in it besides, and what makes an order of it."""

    template: str
    labels: Mapping[str, str]
    order: Callable[[Form], Order]
    shown: Mapping[str, object]


def read_form() -> dict[str, str]:
    """Return the fields of the request's form, lines ended as everywhere else; RefusedError if too many, or packed."""
    refuse_encoded()
    limit = wiring().limits.request_bytes
    request.max_form_memory_size = limit
    try:
        return {name: value.replace("\r\n", "\n") for name, value in request.form.items()}
    except RequestEntityTooLarge:
        raise RefusedError("payload_too_large", f"the form is larger than {limit} bytes") from None


def answer(shape: OrderForm, form: Form) -> Response:
    """Do what the pressed button says: add a row, quote, or make what is quoted and go to its page."""
    act, form = form.get("act", "quote"), compacted(form)
    if act in MORE:
        return show(shape, form, more=MORE[act])
    try:
        if act == "start":
            check_scope("write")
        form = _with_file(form)
        order = shape.order(form)
        if act == "start" and form.get("quoted") == order.digest:
            return make_response(redirect(_page_of(order, form.get("key", "")), 303))
        return show(shape, form, order=order, changed=act == "start")
    except RefusedError as error:
        return show(shape, form, error=error)


def show(
    shape: OrderForm,
    form: Form,
    *,
    order: Order | None = None,
    changed: bool = False,
    error: RefusedError | None = None,
    more: str = "",
) -> Response:
    """Return the page of the form, filled in: with the quote of its order, or with what is wrong."""
    quotes = quotes_of(order) if order else []
    problems, others = _problems(error, form, shape.labels) if error else ({}, [])
    return render(
        shape.template,
        status=STATUS_BY_CODE[error.code] if error else 200,
        values=form,
        labels=shape.labels,
        problems=problems,
        others=others,
        error=error,
        rows={group: max(1, len(rows(form, group, "name"))) + (group == more) for group in MORE.values()},
        more=more,
        changed=changed,
        quotes=quotes,
        together=sum_of(quotes) if len(quotes) > 1 else None,
        examples_given=len(order.examples) if order else None,
        quoted=order.digest if order else "",
        can_write="write" in token().scopes,
        key=secrets.token_urlsafe(12),
        **shape.shown,
    )


def _page_of(order: Order, key: str) -> str:
    job = make(order, key)
    return f"/comparisons/{job.comparison_id}" if job.comparison_id else f"/jobs/{job.id}"


def _with_file(form: Form) -> Form:
    """Return the form with a picked file in the place of pasted examples; InvalidError if it is no text."""
    file = request.files.get("file")
    if not file:
        return form
    try:
        text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise invalid("examples", "the file is not UTF-8") from None
    return {**form, "examples": text.replace("\r\n", "\n")}


def _problems(
    error: RefusedError, form: Form, labels: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:  # fmt: skip
    """Return what is wrong by field, and what belongs to none."""
    details = error.details if isinstance(error, InvalidError) else [("", error.message)]
    by_field: dict[str, list[str]] = {}
    others: list[str] = []
    for path, message in details[:MOST_SHOWN]:
        if name := field_of(path, form, list(labels)):
            by_field.setdefault(name, []).append(worded(path, message))
        else:
            others.append(f"{path}: {message}" if path else message)
    return {name: "; ".join(_once(messages)) for name, messages in by_field.items()}, others


def _once(messages: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(messages))
