"""The example bank: examples that several jobs share."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Literal, Unpack

from gepa_next.client.answers import Example, Import, RowError
from gepa_next.client.chunks import Chunk, chunks
from gepa_next.client.connection import Connection, segment
from gepa_next.client.errors import ClientError
from gepa_next.client.json_list import Unreadable
from gepa_next.client.options import ExampleOptions
from gepa_next.client.rows import Kind, Row, Rows, rows_of
from gepa_next.client.source import Source

PATH = "/v1/examples"
CONTENT_TYPES: Mapping[Kind, str] = {
    "csv": "text/csv",
    "jsonl": "application/x-ndjson",
    "json": "application/x-ndjson",  # sent value by value
}
MOST_KEPT = 1000
TOO_LARGE = "payload_too_large"

OnChunk = Callable[[Import, int], None]


class Bank(Connection):
    """The part of the client that deals with the example bank."""

    def add_example(self, **example: Unpack[ExampleOptions]) -> Example:
        """Write one example, in place of the one with the same id if there is one, and return it."""
        return self._read(Example, "POST", PATH, json=example)

    def example(self, example_id: str) -> Example:
        """Return one example."""
        return self._read(Example, "GET", f"{PATH}/{segment(example_id)}")

    def examples(self, *, tags: Sequence[str] = (), limit: int | None = None) -> Iterator[Example]:
        """Yield the examples that have all the tags, by id."""
        return self._pages(Example, PATH, limit, tag=list(tags))

    def delete_example(self, example_id: str) -> None:
        """Delete one example."""
        self._request("DELETE", f"{PATH}/{segment(example_id)}")

    def add_examples(self, examples: Iterable[ExampleOptions | Mapping[str, object]]) -> Import:
        """Write many examples; those that could not be used are in `errors`, counted from 1."""
        return self.add_numbered(enumerate(examples, 1))

    def add_numbered(
        self,
        examples: Iterable[tuple[int, Mapping[str, object]] | Unreadable],
        *,
        dry_run: bool = False,
        on_chunk: Callable[[Import], None] | None = None,
    ) -> Import:
        """Write many examples, each with the line that `errors` are to name, as they do those that are unreadable."""
        rows = (
            each if isinstance(each, Unreadable) else Row(each[0], json.dumps(each[1]).encode() + b"\n")
            for each in examples
        )
        return self._send_all(Rows(b"", rows), "jsonl", on_chunk, dry_run=dry_run)

    def import_examples(
        self,
        file: BinaryIO,
        kind: Kind,
        *,
        encoding: str | None = None,
        delimiter: str | None = None,
        dry_run: bool = False,
        on_chunk: OnChunk | None = None,
    ) -> Import:
        """Send a file of CSV, JSON lines or a JSON list in pieces, each written when it has arrived.

        Text is UTF-8, or UTF-16 with its mark, if no `encoding` is said. `on_chunk` is told what became of it so far,
        and how many bytes were read. After an error in the middle what was written stays: send the file again,
        no row is doubled by that. FileError for a file that is not what it says.
        """
        source = Source(file, encoding)

        def told(found: Import) -> None:
            if on_chunk is not None:
                on_chunk(found, source.bytes_read)

        return self._send_all(rows_of(source, kind, delimiter), kind, told, dry_run=dry_run)

    def export_examples(self, kind: Literal["csv", "jsonl"], *, tags: Sequence[str] = ()) -> Iterator[bytes]:
        """Yield the bank, or what has all the tags, as a file that can be imported; ClientError if it is cut short."""
        query = {"format": kind, "tag": list(tags)}
        return self._streamed("GET", PATH, params=query)

    def _send_all(self, given: Rows, kind: Kind, on_chunk: Callable[[Import], None] | None, *, dry_run: bool) -> Import:
        found, unreadable = Import(), _Unreadable()
        for chunk in chunks(given.header, unreadable.without(given.rows)):
            found = self._send_chunk(chunk, kind, found, dry_run=dry_run)
            if on_chunk is not None:
                on_chunk(found)
        errors = sorted([*found.errors, *unreadable.errors], key=lambda each: each.row)
        return replace(found, left_out=found.left_out + unreadable.count, errors=tuple(errors[:MOST_KEPT]))

    def _send_chunk(self, chunk: Chunk, kind: Kind, found: Import, *, dry_run: bool) -> Import:
        query = {"dry_run": "true"} if dry_run else {}
        headers = {"Content-Type": CONTENT_TYPES[kind]}
        try:
            answer = self._read(Import, "POST", PATH, params=query, data=chunk.body, headers=headers)
        except ClientError as error:
            if error.code != TOO_LARGE or not chunk.rows:
                raise
            if len(chunk.rows) == 1:
                return _and_left_out(found, RowError(row=chunk.rows[0].line, path="", message=error.message))
            for half in chunk.halves():
                found = self._send_chunk(half, kind, found, dry_run=dry_run)
            return found
        return _together(found, answer, chunk.lines_in_file())


class _Unreadable:
    """What of a file could not be read, the first of it by line."""

    def __init__(self) -> None:
        self.count = 0
        self.errors: list[RowError] = []

    def without(self, rows: Iterable[Row | Unreadable]) -> Iterator[Row]:
        """Yield the other rows."""
        for each in rows:
            if not isinstance(each, Unreadable):
                yield each
                continue
            self.count += 1
            if len(self.errors) < MOST_KEPT:
                self.errors.append(RowError(row=each.line, path="", message=each.message))


def _and_left_out(found: Import, error: RowError) -> Import:
    return replace(found, left_out=found.left_out + 1, errors=(*found.errors, error)[:MOST_KEPT])


def _together(found: Import, answer: Import, lines: Sequence[int]) -> Import:
    """Return both, with the rows of the answer as lines of the file."""
    errors = [replace(each, row=_line(each.row, lines)) for each in answer.errors]
    known = [replace(each, row=_line(each.row, lines)) for each in answer.first_duplicates]
    return Import(
        upserted=found.upserted + answer.upserted,
        duplicates=found.duplicates + answer.duplicates,
        left_out=found.left_out + max(answer.left_out, len(errors)),
        errors=(*found.errors, *errors)[:MOST_KEPT],
        first_duplicates=(*found.first_duplicates, *known)[:MOST_KEPT],
    )


def _line(row: int, lines: Sequence[int]) -> int:
    return lines[min(row, len(lines) - 1)]
