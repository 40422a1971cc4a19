"""A file of rows as text, read block by block, strict about its encoding."""

import codecs
from collections.abc import Iterator
from typing import BinaryIO

from gepa_next.client.sniffing import FileError, encoding_of

BLOCK = 64 * 1024
LONGEST_ROW = 4 * 1024 * 1024


class RowTooLongError(FileError):
    """Report a row that is longer than any example may be."""


class Source:
    """A file read once from its beginning; `bytes_read` says how far, and whoever opened the file closes it."""

    def __init__(self, file: BinaryIO, encoding: str | None = None) -> None:
        self._file = file
        self._head = file.read(BLOCK)
        if not isinstance(self._head, bytes):
            raise FileError("the file is open as text: open it for reading bytes, with mode rb")
        self.bytes_read = len(self._head)
        self.encoding, self._mark = encoding_of(self._head, encoding)

    def start(self) -> str:
        """Return the first characters behind the blanks that the file begins with."""
        return self._head[self._mark :].decode(self.encoding, "ignore").lstrip()

    def blocks(self) -> Iterator[str]:
        """Yield the text in blocks; FileError with the line for bytes that are none of its encoding."""
        decoder = codecs.getincrementaldecoder(self.encoding)("strict")
        block, line = self._head[self._mark :], 1
        while True:
            try:
                text = decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                line += bytes(error.object[: error.start]).decode(self.encoding, "ignore").count("\n")
                raise FileError(_not_of_the_encoding(error, line)) from None
            line += text.count("\n")
            if text:
                yield text
            if not block:
                return
            block = self._file.read(BLOCK)
            self.bytes_read += len(block)

    def lines(self) -> Iterator[str]:
        """Yield the lines with their ends, which are line feeds; RowTooLongError for one that does not end."""
        rest, line = "", 0
        for text in self.blocks():
            pieces = (rest + text).split("\n")
            rest = pieces.pop()
            line += len(pieces)
            yield from (f"{piece}\n" for piece in pieces)
            if len(rest) > LONGEST_ROW:
                raise RowTooLongError(f"line {line + 1}: more than {LONGEST_ROW} characters; is this the right file?")
        if rest:
            yield rest


def _not_of_the_encoding(error: UnicodeDecodeError, line: int) -> str:
    byte = error.object[error.start]
    hint = "; if it is of an older program, say --encoding windows-1252" if error.encoding == "utf-8" else ""
    return f"line {line}: not {error.encoding} (byte 0x{byte:02x}){hint}"
