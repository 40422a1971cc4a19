"""Cut a file of rows into pieces that one request can carry, each complete in itself."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

CHUNK_BYTES = 1_000_000
LONGEST_ROW = 4 * 1024 * 1024
CONTENT_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}

Kind = Literal["csv", "jsonl"]


class RowTooLongError(ValueError):
    """Report a row that is longer than any example may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Rows to send together; `first_line` is where they begin in the file, `end` the bytes of it behind them."""

    header: bytes
    rows: tuple[bytes, ...]
    first_line: int
    end: int

    @property
    def body(self) -> bytes:
        """What a request carries."""
        return self.header + b"".join(self.rows)

    def line_in_file(self, line: int) -> int:
        """Return where in the file a line of the body stands."""
        inside = line - self.header.count(b"\n")
        return self.first_line + inside - 1 if inside > 0 else line

    def halves(self) -> tuple["Chunk", "Chunk"]:
        """Return it in two, for a server that takes less at once."""
        middle = len(self.rows) // 2
        before = self.rows[:middle]
        second_line = self.first_line + sum(row.count(b"\n") for row in before)
        return (
            Chunk(header=self.header, rows=before, first_line=self.first_line, end=self.end),
            Chunk(header=self.header, rows=self.rows[middle:], first_line=second_line, end=self.end),
        )


def chunks(file: BinaryIO, kind: Kind) -> Iterator[Chunk]:
    """Yield the file in pieces; those of CSV begin with the header each."""
    records = _records(file, in_quotes=kind == "csv")
    header = next(records, b"") if kind == "csv" else b""
    line, end = 1 + header.count(b"\n"), len(header)
    rows: list[bytes] = []
    size = 0
    for record in records:
        if rows and size + len(record) > CHUNK_BYTES:
            yield Chunk(header=header, rows=tuple(rows), first_line=line, end=(end := end + size))
            line += sum(row.count(b"\n") for row in rows)
            rows, size = [], 0
        rows.append(record)
        size += len(record)
    yield Chunk(header=header, rows=tuple(rows), first_line=line, end=end + size)


def _records(lines: BinaryIO, *, in_quotes: bool) -> Iterator[bytes]:
    """Yield the rows: lines, or with quotes what stands between the ends of lines that no quotes enclose."""
    parts: list[bytes] = []
    size, quotes = 0, 0
    for number, line in enumerate(_lines(lines), 1):
        parts.append(line)
        size += len(line)
        quotes += line.count(b'"') if in_quotes else 0
        if size > LONGEST_ROW:
            raise RowTooLongError(f"line {number}: a row of more than {LONGEST_ROW} bytes; is this the right file?")
        if quotes % 2 == 0:
            yield b"".join(parts)
            parts, size, quotes = [], 0, 0
    if parts:
        yield b"".join(parts)


def _lines(file: BinaryIO) -> Iterable[bytes]:
    return iter(lambda: file.readline(LONGEST_ROW + 1), b"")
