"""Whatever comes in, what reads it returns a value or says no in its own words, and loses nothing that was right."""

import json
import math
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from gepa_next.api.bank.csv_rows import csv_lines, csv_rows
from gepa_next.api.bank.exporting import json_lines_of
from gepa_next.api.bank.importing import json_lines
from gepa_next.api.edge.body import parse_json
from gepa_next.api.jobs.intake import to_example
from gepa_next.api.jobs.optimize import validated
from gepa_next.api.jobs.schemas import ExampleBody
from gepa_next.client.json_list import Item, Unreadable, json_list
from gepa_next.client.reading import UnreadableError, read
from gepa_next.client.states import Event, Job
from gepa_next.errors import RefusedError
from gepa_next.gepa.judging import JudgeReply
from gepa_next.gepa.types import Example
from gepa_next.llm.json_text import decode
from gepa_next.llm.repair import UnreadableReply
from gepa_next.llm.retry import read_retry_after
from gepa_next.llm.structured import read_reply
from tests.fuzz.amounts import some
from tests.fuzz.readers import NUL
from tests.fuzz.values import CUTS, JSON, NEARLY_JSON, OBJECT, TEXT, split

NOW = datetime(2024, 2, 29, 12, tzinfo=UTC)


@some()
@given(value=JSON | st.fixed_dictionaries({"id": JSON, "type": TEXT, "ts": JSON, "data": JSON}))
def test_the_client_makes_a_state_of_any_json_or_says_that_it_is_none(value) -> None:
    for kind in (Event, Job):
        with suppress(UnreadableError):
            assert isinstance(read(kind, value), kind)


def is_storable(value: object) -> bool:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    text.encode()  # UnicodeEncodeError: a lone surrogate
    return not NUL.search(text)


@some()
@given(text=st.text() | NEARLY_JSON | JSON.map(json.dumps))
@example(text='"\\ud800"')
@example(text="1e999")
@example(text="[" * 100_000)
@example(text="1" * 5000)
def test_what_a_model_writes_is_decoded_to_what_can_be_stored(text) -> None:
    assert is_storable(decode(text))


@some()
@given(text=st.text() | NEARLY_JSON)
@example(text='{"score": "NaN"}')
@example(text='{"score": 1e999, "feedback": ""}')
def test_a_reply_is_what_was_asked_for_or_unreadable(text) -> None:
    try:
        reply = read_reply(text, JudgeReply)
    except UnreadableReply:
        return
    assert isinstance(reply, JudgeReply)
    assert is_storable(asdict(reply))


@some()
@given(before=st.sampled_from(["", "Here it is:\n", "<think>{maybe}</think>"]), feedback=TEXT, fenced=st.booleans())
def test_a_reply_says_what_the_model_said_whatever_stands_around_it(before, feedback, fenced) -> None:
    body = json.dumps({"feedback": feedback, "score": 5}, ensure_ascii=False)
    text = f"{before}\n```json\n{body}\n```" if fenced else before + body
    assert asdict(read_reply(text, JudgeReply))["feedback"] == feedback


@some()
@given(text=st.text() | NEARLY_JSON | JSON.map(json.dumps))
@example(text='{"a": "\\ud800"}')
@example(text="[" * 100_000)
@example(text="1" * 5000)
@example(text="-0")
def test_a_body_is_parsed_to_what_can_be_stored_or_refused(text) -> None:
    try:
        value = parse_json(text)
    except RefusedError:
        return
    assert is_storable(value)


@some()
@given(value=JSON)
def test_a_body_that_is_right_is_kept_as_it_is(value) -> None:
    assert json.dumps(parse_json(json.dumps(value))) == json.dumps(value)


@some()
@given(stated=st.text(max_size=30) | st.floats().map(str) | st.integers().map(str) | st.datetimes().map(str))
@example(stated="\u00b2")
@example(stated="nan")
@example(stated="-1")
@example(stated="Thu, 01 Jan 0001 00:00:00 GMT")
@example(stated="Fri, 31 Dec 9999 23:59:59 -2359")
def test_a_wait_that_is_asked_for_is_a_number_of_seconds_or_none(stated) -> None:
    for name in ("retry-after", "retry-after-ms"):
        wait_s = read_retry_after({name: stated}, now=NOW)
        assert wait_s is None or (math.isfinite(wait_s) and wait_s >= 0)


ID = st.from_regex(r"[A-Za-z0-9._:@+-]{1,20}", fullmatch=True)
TAGS = st.lists(TEXT.filter(lambda text: 0 < len(text) <= 64), max_size=3)
EXAMPLES = st.builds(
    Example,
    id=ID,
    input=TEXT.filter(bool),
    ideal=st.none() | TEXT,
    tags=TAGS.map(lambda tags: tuple(sorted(set(tags)))),
    meta=OBJECT,
)


@some()
@given(examples=st.lists(EXAMPLES, min_size=1, max_size=3))
@example(examples=[Example(id="a", input="=1+1", ideal="'", tags=(" ", ";"), meta={"": "-"})])
def test_a_bank_that_is_exported_is_imported_as_it_was(examples) -> None:
    for rows in (csv_rows("".join(csv_lines(iter(examples)))), json_lines("".join(json_lines_of(iter(examples))))):
        assert [to_example(validated(ExampleBody, row)) for _, row in rows] == examples


@some()
@given(text=st.text() | st.text(max_size=40).map(lambda text: "input,ideal,tags,meta\n" + text) | NEARLY_JSON)
@example(text="input\rideal")
def test_rows_of_anything_are_values_or_refused(text) -> None:
    for rows in (csv_rows, json_lines):
        try:
            found = list(rows(text))
        except RefusedError:
            continue
        assert all(isinstance(number, int) and number > 0 for number, _ in found)


@some()
@given(values=st.lists(JSON, max_size=5), cuts=CUTS, indent=st.none() | st.integers(0, 2))
@example(values=[1.5e16, -1e-7], cuts=[2, 3, 4, 5, 6, 9, 11, 13, 14, 15], indent=None)
def test_a_list_in_a_file_is_read_value_by_value_wherever_it_is_split(values, cuts, indent) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False)
    found = list(json_list(iter(split(text, cuts))))
    assert [json.dumps(each.value) for each in found if isinstance(each, Item)] == [json.dumps(each) for each in values]
    assert len(found) == len(values)


@some()
@given(text=NEARLY_JSON)
def test_a_list_that_is_none_ends_with_the_place_where_that_shows(text) -> None:
    found = list(json_list(iter([text])))
    assert all(isinstance(each, Item) for each in found[:-1])
    assert all(each.line > 0 for each in found if isinstance(each, Unreadable))
