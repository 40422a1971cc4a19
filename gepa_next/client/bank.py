"""The example bank: examples that several jobs share."""

import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, Unpack

from gepa_next.client.answers import Example, Import, RowError
from gepa_next.client.chunks import CONTENT_TYPES, Chunk, Kind, chunks
from gepa_next.client.connection import Connection, segment
from gepa_next.client.errors import ClientError
from gepa_next.client.options import ExampleOptions

PATH = "/v1/examples"
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
        lines = "".join(f"{json.dumps(each)}\n" for each in examples)
        return self.import_examples(io.BytesIO(lines.encode()), "jsonl")

    def import_examples(self, file: BinaryIO, kind: Kind, *, on_chunk: OnChunk | None = None) -> Import:
        """Send a file of CSV or JSON lines in pieces, each written when it has arrived.

        `on_chunk` is told what became of it so far, and how many bytes that is. After an error in the middle what was
        written stays: send the file again, examples with an id are then replaced.
        """
        found = Import()
        for chunk in chunks(file, kind):
            found = self._send_chunk(chunk, CONTENT_TYPES[kind], found)
            if on_chunk is not None:
                on_chunk(found, chunk.end)
        return found

    def _send_chunk(self, chunk: Chunk, content_type: str, found: Import) -> Import:
        try:
            answer = self._read(Import, "POST", PATH, data=chunk.body, headers={"Content-Type": content_type})
        except ClientError as error:
            if error.code != TOO_LARGE or not chunk.rows:
                raise
            if len(chunk.rows) == 1:
                left_out = RowError(row=chunk.first_line, path="", message=error.message)
                return replace(found, errors=(*found.errors, left_out))
            for half in chunk.halves():
                found = self._send_chunk(half, content_type, found)
            return found
        return Import(
            upserted=found.upserted + answer.upserted,
            duplicates=found.duplicates + answer.duplicates,
            errors=(*found.errors, *(replace(each, row=chunk.line_in_file(each.row)) for each in answer.errors)),
        )
