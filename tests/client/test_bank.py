"""The example bank through the client: one by one, many at once, and files in pieces."""

import io
import json

import pytest

from gepa_next.client import Client, ClientError, FileError
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


def test_what_no_request_can_carry_is_a_value_error() -> None:
    with Client("http://127.0.0.1:9") as client:
        with pytest.raises(ValueError, match="JSON"):
            client.optimize("Add.", examples=[{"input": float("nan")}])
        with pytest.raises(FileError, match="mode rb"):
            client.import_examples(io.StringIO("input\n1\n"), "csv")


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


def test_an_empty_file_is_nothing_to_import_or_no_csv(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        assert client.import_examples(io.BytesIO(), "jsonl").upserted == 0
        with pytest.raises(FileError, match="empty"):
            client.import_examples(io.BytesIO(), "csv")


@pytest.mark.usefixtures("small_pieces")
def test_what_a_dry_run_says_is_what_happens(service) -> None:
    text = CSV + "again,a row that is known,1,\nagain2,a row that is known,1,\n"
    with service.served() as url, Client(url, TOKEN) as client:
        dry = client.import_examples(io.BytesIO(text.encode()), "csv", dry_run=True)
        assert list(client.examples()) == []
        done = client.import_examples(io.BytesIO(text.encode()), "csv")
    assert (dry.upserted, dry.left_out) == (done.upserted, done.left_out)
    assert (done.duplicates, done.first_duplicates[0].id) == (1, "again2")
    assert done.first_duplicates[0].row == text.count("\n")


@pytest.mark.usefixtures("small_pieces")
def test_rows_over_several_lines_are_told_by_their_first_one_and_those_of_a_list_by_their_number(service) -> None:
    rows = [{"input": "a\nb"}, {"ideal": "no input"}, {"input": "c"}, {"input": ""}]
    cells = 'input,ideal\n"a\nb",\n,no input\n"c\rd",\n,\ne,\nf,\n'
    with service.served() as url, Client(url, TOKEN) as client:
        listed = client.import_examples(io.BytesIO(json.dumps(rows, indent=1).encode()), "json")
        tabled = client.import_examples(io.BytesIO(cells.encode()), "csv")
    assert ([each.row for each in listed.errors], listed.left_out) == ([2, 4], 2)
    assert ([each.row for each in tabled.errors], tabled.left_out) == ([4, 6], 2)


def test_what_is_wrong_in_the_middle_is_told_and_what_stands_before_it_is_in(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        tabled = client.import_examples(io.BytesIO(b'input\n1\n"2\n3\n'), "csv")
        listed = client.import_examples(io.BytesIO(b'[{"input": "a"},\n{"input" "b"}]'), "json")
    assert (tabled.upserted, tabled.left_out, tabled.errors[0].row) == (1, 1, 3)
    assert "from here on" in tabled.errors[0].message
    assert (listed.upserted, listed.left_out, listed.errors[0].row) == (1, 1, 2)


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_the_bank_goes_out_as_a_file_that_makes_it_again(service, kind) -> None:
    given = [
        {"id": f"r{n}", "input": f"=line {n}\n\u2028", "ideal": "" if n % 2 else None, "tags": ["t;u"]}
        for n in range(300)
    ]
    with service.served() as url, Client(url, TOKEN) as client:
        client.add_examples(given)
        before = list(client.examples())
        text = b"".join(client.export_examples(kind, tags=["t;u"]))
        for each in before:
            client.delete_example(each.id)
        assert client.import_examples(io.BytesIO(text), kind).left_out == 0
        after = list(client.examples())
        with pytest.raises(ClientError, match="format"):
            list(client.export_examples("xml"))
    assert [(each.id, each.input, each.ideal, each.tags) for each in after] == [
        (each.id, each.input, each.ideal, each.tags) for each in before
    ]
