"""Rows in pieces that one request can carry, each complete in itself."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from gepa_next.client.rows import Row

CHUNK_BYTES = 1_000_000
_LINE_END = re.compile(rb"\r\n|\r|\n")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Rows to send together, behind the header that each piece of a file begins with."""

    header: bytes
    rows: tuple[Row, ...]

    @property
    def body(self) -> bytes:
        """What a request carries."""
        return self.header + b"".join(row.body for row in self.rows)

    def lines_in_file(self) -> list[int]:
        """Return for each line of the body where in the file its row begins, line 1 at place 1."""
        found = [1] * (len(_LINE_END.findall(self.header)) + 1)
        for row in self.rows:
            found += [row.line] * len(_LINE_END.findall(row.body))
        return found

    def halves(self) -> tuple["Chunk", "Chunk"]:
        """Return it in two, for a server that takes less at once."""
        middle = len(self.rows) // 2
        return Chunk(self.header, self.rows[:middle]), Chunk(self.header, self.rows[middle:])


def chunks(header: bytes, rows: Iterable[Row]) -> Iterator[Chunk]:
    """Yield the rows in pieces of a megabyte, at least one piece."""
    waiting: list[Row] = []
    size, made = 0, False
    for row in rows:
        if waiting and size + len(row.body) > CHUNK_BYTES:
            yield Chunk(header, tuple(waiting))
            waiting, size, made = [], 0, True
        waiting.append(row)
        size += len(row.body)
    if waiting or not made:
        yield Chunk(header, tuple(waiting))
