"""Whatever stands in a cursor, a limit or a last event id, the answer is what was asked for, or names it."""

import base64
import json
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gepa_next.api.edge.paging import MOST, encode_cursor
from tests.fuzz.amounts import some
from tests.fuzz.streams import dispatched
from tests.fuzz.values import JSON
from tests.support.service import Service, open_service

LISTS = ("/v1/optimize", "/v1/examples", "/v1/prompts")
HEADER = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=30)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    with closing(open_service(tmp_path_factory.mktemp("queries"))) as service:
        yield service


@pytest.fixture(scope="module")
def job_id(service) -> str:
    return service.finished_job()


@pytest.fixture(scope="module")
def last(service, job_id) -> int:
    whole = service.client().get(f"/v1/optimize/{job_id}/events").data
    return max(int(each["id"]) for each in dispatched(whole))


@some()
@given(
    cursor=st.text(max_size=40) | JSON.map(encoded) | st.lists(JSON, max_size=2).map(encoded),
    where=st.sampled_from(LISTS),
)
@example(cursor=encoded([float("inf"), "a"]), where="/v1/optimize")
@example(cursor=encoded(["\ud800"]), where="/v1/examples")
@example(cursor="\u00b2===", where="/v1/prompts")
def test_a_cursor_is_one_or_refused(service, cursor, where) -> None:
    answer = service.client().get(where, query_string={"cursor": cursor})
    if answer.status_code == 422:
        assert answer.json["error"]["details"][0]["path"] == "cursor"
    else:
        assert (answer.status_code, set(answer.json)) == (200, {"items", "next_cursor"})


@some()
@given(text=st.text(max_size=20) | st.integers().map(str))
@example(text="\u00b2")
def test_a_limit_is_a_whole_number_within_bounds_or_refused(service, text) -> None:
    answer = service.client().get("/v1/optimize", query_string={"limit": text})
    is_one = text.isascii() and text.isdigit() and len(text) <= 18 and 1 <= int(text) <= MOST
    assert answer.status_code == (200 if is_one else 422)


@some()
@given(text=HEADER | st.integers(-5, 60).map(str), in_header=st.booleans())
@example(text="\u00b2", in_header=True)
@example(text="9" * 90, in_header=True)
def test_a_stream_goes_on_after_the_last_event_or_has_all(service, job_id, last, text, in_header) -> None:
    asked = {"headers": {"Last-Event-ID": text}} if in_header else {"query_string": {"last_event_id": text}}
    answer = service.client().get(f"/v1/optimize/{job_id}/events", **asked)
    after = int(text) if text.isascii() and text.isdigit() else 0
    assert answer.status_code == (204 if after >= last else 200)
    ids = [int(each["id"]) for each in dispatched(answer.data)]
    assert ids == list(range(after + 1, last + 1))


@some()
@given(
    parts=st.lists(
        st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False) | st.text(), max_size=3
    )
)
def test_a_cursor_holds_what_was_put_in(parts) -> None:
    text = encode_cursor(*parts)
    assert json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))) == parts
