"""Files as they come: what they are, in which encoding, split by what; read as they are sent, never as a whole."""

import codecs
import io
import json
import tracemalloc
import zipfile

import pytest

from gepa_next.client import FileError
from gepa_next.client.json_list import Unreadable
from gepa_next.client.rows import rows_of
from gepa_next.client.source import BLOCK, LONGEST_ROW, RowTooLongError, Source


def read(content: bytes, kind: str, encoding: str | None = None, delimiter: str | None = None) -> list[tuple[int, str]]:
    """Return line and text of each row, the header first if there is one."""
    rows = rows_of(Source(io.BytesIO(content), encoding), kind, delimiter)
    header = [(0, rows.header.decode())] * bool(rows.header)
    return header + [
        (each.line, each.message if isinstance(each, Unreadable) else each.body.decode()) for each in rows.rows
    ]


UMLAUTS = 'input;ideal\r\n"für ""dich"", 漢字\r\nweiter";é\r\n'


@pytest.mark.parametrize(
    ("mark", "codec"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_text_is_known_by_its_mark(mark, codec) -> None:
    (_, header), (line, row) = read(mark + UMLAUTS.encode(codec), "csv")
    assert (header, line, row) == ("input,ideal\r\n", 2, '"für ""dich"", 漢字\r\nweiter",é\r\n')


@pytest.mark.parametrize(("encoding", "byte"), [("windows-1252", b"\x80"), ("latin-1", b"\xa4")])
def test_text_of_older_programs_is_read_only_if_that_is_said(encoding, byte) -> None:
    content = b"input\nup to\n10 " + byte + b"\n"
    with pytest.raises(FileError, match=rf"line 3: not utf-8 \(byte 0x{byte.hex()}\)"):
        read(content, "csv")
    assert read(content, "csv", encoding)[2] == (3, f"10 {byte.decode(encoding)}\r\n")


@pytest.mark.parametrize("position", [BLOCK - 1, BLOCK, 3 * BLOCK + 1])
def test_a_wrong_byte_is_told_by_its_line_wherever_the_blocks_end(position) -> None:
    text = (b'{"input": "\xc3\xa9"}\n' * (4 * BLOCK // 16 + 1))[:position] + b"\xff\n"
    line = text.count(b"\n")
    with pytest.raises(FileError, match=f"line {line}: not utf-8"):
        read(text, "jsonl")


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, "x")
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8b\x08\0more", "gzip"),
        (zipped("rows.csv"), "zip archive"),
        (zipped("xl/workbook.xml"), "spreadsheet"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old Office"),
        (b" \n<!DOCTYPE HTML><title>Log in</title>", "HTML page"),
        (b"<?xml version='1.0'?>", "XML"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:e0\n", "Git LFS"),
        (b"%PDF-1.7", "PDF"),
        (b"SQLite format 3\0", "SQLite"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x00\x01\x02\x03binary", "binary"),
        (bytes(BLOCK), "binary"),
        ("input\n1\n".encode("utf-16-le"), "utf-16-le"),
        ("input\n1\n".encode("utf-16-be"), "utf-16-be"),
        ("input\n1\n".encode("utf-32"), "UTF-32"),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_a_file_that_is_something_else_is_named_for_what_it_is(content, said, kind) -> None:
    with pytest.raises(FileError, match=said):
        read(content, kind)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b'[{"input": "a"}]', "jsonl", "--format json"),
        (b'{"input": "a"}\n', "json", "--format jsonl"),
        (b'"text"', "json", "not a list"),
        (b'{"input": "a"}\n', "csv", "--format jsonl"),
        (b"question,answer\n1,2\n", "csv", "no column `input`; it has question, answer"),
        (b"", "csv", "empty"),
        (b'"input\n', "csv", "not CSV"),
        (b"input,ideal\ra,b\r", "csv", "not CSV"),  # of an old Mac
        (b"input\n1\n", "csv", None),
    ],
)
def test_a_file_of_another_kind_says_which(content, kind, said) -> None:
    if said is None:
        assert len(read(content, kind)) == 2
    else:
        with pytest.raises(FileError, match=said):
            read(content, kind)


@pytest.mark.parametrize(
    ("header", "said", "cells"),
    [
        ("input,ideal", None, "a,b"),
        ("input;ideal", None, "a;b"),
        ("input\tideal", None, "a\tb"),
        ("input", None, "a,b"),
        ('id,"input"', None, "a,b"),
        ("input;a,b,c", None, "a;b"),
        ("input;ideal,x", ";", "a;b"),
    ],
)
def test_csv_is_split_by_what_splits_its_header_or_what_is_said(header, said, cells) -> None:
    (_, _), (_, row) = read(f"{header}\n{cells}\n".encode(), "csv", None, said)
    assert row == "a,b\r\n"


def test_blank_lines_are_no_rows_and_the_last_line_needs_no_end() -> None:
    assert read(b'\n{"input": "a"}\n \r\n\n{"input": "b"}', "jsonl") == [
        (2, '{"input": "a"}\n'),
        (5, '{"input": "b"}\n'),
    ]
    assert read(b"input\n\na\n\r\nb", "csv")[1:] == [(3, "a\r\n"), (5, "b\r\n")]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("block", [1, 7, BLOCK])
def test_a_list_is_read_value_by_value_wherever_the_blocks_end(monkeypatch, indent, block) -> None:
    monkeypatch.setattr("gepa_next.client.source.BLOCK", block)
    values = [{"input": "a]", "meta": {"n": [1, -2.5e3]}}, 12345, None, [], "é\\"]
    found = read(json.dumps(values, indent=indent, ensure_ascii=False).encode(), "json")
    assert [json.loads(row) for _, row in found] == values
    assert [number for number, _ in found] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("content", "line", "number", "rows"),
    [
        (b'[1,\n2', 2, 2, 2), (b'[1,\n2 3]', 2, 2, 2), (b"[1]\n\nx", 3, 1, 1), (b"[1,\n]", 2, 2, 1), (b"[", 1, 1, 0),
        (b"[" * 100_000, 1, 1, 0),
    ],
)  # fmt: skip
def test_a_list_that_is_broken_is_told_by_its_line_and_number(content, line, number, rows) -> None:
    *good, (at, message) = read(content, "json")
    assert (len(good), at) == (rows, number)
    assert f"from line {line} on" in message


@pytest.mark.parametrize(("kind", "start"), [("jsonl", b"{"), ("json", b'["')])
def test_what_does_not_end_is_read_no_further_than_a_row_can_be_long(kind, start) -> None:
    file = io.BytesIO(start + b"x" * (2 * LONGEST_ROW))
    with pytest.raises(RowTooLongError, match="is this the right file"):
        list(rows_of(Source(file), kind).rows)
    assert file.tell() < LONGEST_ROW + 3 * BLOCK


def test_a_quote_that_does_not_end_is_read_no_further_than_a_cell_can_be_long() -> None:
    file = io.BytesIO(b'input\n"a\n' + b"b\n" * LONGEST_ROW)
    (found,) = rows_of(Source(file), "csv").rows
    assert (found.line, file.tell() < 4 * BLOCK) == (2, True)


class Endless(io.RawIOBase):
    """A file of so many bytes that is never there as a whole."""

    def __init__(self, row: bytes, size: int, start: bytes = b"") -> None:
        self._block, self._left, self._start = row * (BLOCK // len(row)), size, start

    def read(self, _: int = -1) -> bytes:
        found, self._start = self._start or self._block[: self._left], b""
        self._left -= len(found)
        return found


@pytest.mark.parametrize(
    ("kind", "start", "row"),
    [
        ("jsonl", b"", b'{"input": "aaaaaaa"}\n'),
        ("csv", b"input,ideal\n", b'"a ""b""",c\n'),
        ("json", b"[", b'{"input": "a"},\n'),
    ],
)
def test_a_file_of_any_length_takes_no_more_memory_than_a_few_blocks(kind, start, row) -> None:
    rows = rows_of(Source(Endless(row, 60 * BLOCK, start)), kind)
    tracemalloc.start()
    count = sum(1 for _ in rows.rows)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count > 59 * BLOCK // len(row)
    assert most < 20 * BLOCK
