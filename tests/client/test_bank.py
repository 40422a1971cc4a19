"""The example bank through the client: one by one, many at once, and files in pieces."""

import io
import json

import pytest

from gepa_next.client import Client, ClientError
from gepa_next.client.chunks import LONGEST_ROW, RowTooLongError, chunks
from tests.support.service import TOKEN

ROWS = [
    {"id": f"r{n:03}", "input": f"line {n}\nand more", "ideal": f"{n}", "tags": ["odd"] * (n % 2)} for n in range(200)
]
CSV = "id,input,ideal,tags\n" + "".join(
    f'{each["id"]},"{each["input"]}",{each["ideal"]},{";".join(each["tags"])}\n' for each in ROWS
)


@pytest.fixture
def small_pieces(monkeypatch) -> None:
    monkeypatch.setattr("gepa_next.client.chunks.CHUNK_BYTES", 500)


def test_an_example_is_added_read_listed_and_deleted(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        made = client.add_example(input="7 + 7", ideal="14", id="a", tags=["sum"], meta={"from": "me"})
        assert client.example("a") == made
        assert (made.tags, made.meta) == (("sum",), {"from": "me"})
        assert list(client.examples(tags=["sum"])) == [made]
        assert list(client.examples(tags=["sum", "web"])) == []
        client.delete_example("a")
        with pytest.raises(ClientError, match="not_found"):
            client.example("a")


def test_many_are_added_and_the_wrong_ones_told_by_their_number(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        found = client.add_examples([{"input": "a"}, {"ideal": "b"}, {"input": "a"}])
        assert (found.upserted, found.duplicates) == (2, 1)
        assert [(each.row, each.path) for each in found.errors] == [(2, "input")]


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize(("kind", "text"), [("csv", CSV), ("jsonl", "".join(f"{json.dumps(each)}\n" for each in ROWS))])
def test_a_file_arrives_whole_in_whatever_pieces_it_is_sent(service, kind, text) -> None:
    told = []
    with service.served() as url, Client(url, TOKEN) as client:
        found = client.import_examples(
            io.BytesIO(text.encode()), kind, on_chunk=lambda so_far, at: told.append((so_far.upserted, at))
        )
        assert (found.upserted, found.errors) == (len(ROWS), ())
        kept = [(each.id, each.input, each.ideal, each.tags) for each in client.examples()]
    assert kept == [(each["id"], each["input"], each["ideal"], tuple(each["tags"])) for each in ROWS]
    assert len(told) > 10
    assert told == sorted(told)
    assert told[-1] == (len(ROWS), len(text))


@pytest.mark.usefixtures("small_pieces")
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_rows_that_are_wrong_are_told_by_their_line_in_the_file(service, kind) -> None:
    good, bad = {"csv": ("some,1\n", "some\n"), "jsonl": ('{"input": "some"}\n', "some\n")}[kind]
    lines = ["input,ideal\n"] * (kind == "csv") + [good] * 200
    for line in (50, 150):
        lines[line - 1] = bad
    with service.served() as url, Client(url, TOKEN) as client:
        found = client.import_examples(io.BytesIO("".join(lines).encode()), kind)
    assert [each.row for each in found.errors] == [50, 150]


def test_a_server_that_takes_less_at_once_gets_less_at_once(open_with) -> None:
    service = open_with(max_request_bytes=5000)
    text = CSV + f'big,"{"x" * 9000}",,\nlast,one,,\n'
    with service.served() as url, Client(url, TOKEN) as client:
        found = client.import_examples(io.BytesIO(text.encode()), "csv")
        assert found.upserted == len(ROWS) + 1
        assert [each.row for each in found.errors] == [CSV.count("\n") + 1]
        assert client.example("last").input == "one"


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_an_empty_file_is_what_the_service_says_it_is(service, kind) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        if kind == "jsonl":
            assert client.import_examples(io.BytesIO(), kind).upserted == 0
        else:
            with pytest.raises(ClientError, match="no column `input`"):
                client.import_examples(io.BytesIO(), kind)


@pytest.mark.parametrize(
    ("kind", "content"), [("jsonl", b"\0" * (LONGEST_ROW + 9)), ("csv", b'input\n"a\n' + b"b\n" * LONGEST_ROW)]
)
def test_a_file_that_is_not_what_it_says_is_read_no_further_than_a_row_can_be_long(kind, content) -> None:
    file = io.BytesIO(content)
    with pytest.raises(RowTooLongError, match="is this the right file"):
        list(chunks(file, kind))
    assert file.tell() < LONGEST_ROW + 100
