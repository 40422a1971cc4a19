"""The examples of a job from a file: read as the bank reads them, and refused as a whole where one cannot be read."""

from argparse import Namespace

import pytest

from gepa_next.api.bank.csv_rows import csv_lines
from gepa_next.client import FileError
from gepa_next.commands.files import read_examples
from gepa_next.gepa.types import Example


@pytest.fixture
def read(tmp_path):
    """Read a file of this name and content."""

    def read(name: str, content: bytes, encoding: str | None = None, delimiter: str | None = None) -> list:
        (tmp_path / name).write_bytes(content)
        options = Namespace(format=None, encoding=encoding, delimiter=delimiter)
        return read_examples(str(tmp_path / name), options)

    return read


def test_what_the_bank_wrote_is_read_as_it_was(read) -> None:
    example = Example(id="a", input="=1\nüber", ideal="'", tags=("x;y", "z"), meta={"n": {"deep": [1]}})
    text = "".join(csv_lines(iter([example])))
    (found,) = read("bank.csv", text.encode())
    assert found == {"id": "a", "input": "=1\nüber", "ideal": "'", "tags": ["x;y", "z"], "meta": {"n": {"deep": [1]}}}


@pytest.mark.parametrize(
    ("name", "content", "options"),
    [
        ("e.csv", "input;expected;place\n\nfür dich;7;Köln\n".encode("windows-1252"), {"encoding": "windows-1252"}),
        ("e.tsv", "input\texpected\tplace\nfür dich\t7\tKöln\n".encode("utf-16"), {}),
        ("e.csv", "input,expected,place\nfür dich,7,Köln\n".encode("utf-8-sig"), {}),
    ],
)
def test_csv_is_read_in_its_encoding_and_split_as_its_header_is(read, name, content, options) -> None:
    (found,) = read(name, content, **options)
    assert (found["input"], found["ideal"], found["meta"]) == ("für dich", "7", {"place": "Köln"})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("e.csv", b"input,ideal\na,b\nc\n", "line 3: the row has not as many fields as the header"),
        ("e.csv", b"input,meta\na,b\n", "line 2: meta: a JSON object is expected"),
        ("e.csv", b"input,tags\na,[NaN]\n", "line 2: tags: not JSON: NaN"),
        ("e.csv", b"input,input\na,b\n", "every column needs a name of its own"),
        ("e.csv", b'input\n"a\n', "line 2: not CSV from here on"),
        ("e.csv", b"question\na\n", "no column `input`; it has question"),
        ("e.csv", b"input\nup to\n\x80 10\n", "line 3: not utf-8 .*--encoding windows-1252"),
        ("e.csv", b"PK\x03\x04", "spreadsheet"),
        ("e.jsonl", b'{"input": "a"}\n7\n', "line 2: not an object in JSON"),
        ("e.jsonl", b'{"input": "a"}\n\n{"input": NaN}\n', "line 3: not JSON: NaN"),
        ("e.jsonl", b'[{"input": "a"}]', "say --format json"),
        ("e.json", b'[{"input": "a"}, 7]', "example 2: not an object in JSON"),
        ("e.json", b'[{"input": "a"},', "example 2: not a list in JSON"),
        ("e.json", b'{"input": "a"}', "say --format jsonl"),
    ],
)
def test_a_file_is_refused_for_the_first_line_that_cannot_be_used(read, name, content, said) -> None:
    with pytest.raises(FileError, match=rf"{name}: .*{said}"):
        read(name, content)
