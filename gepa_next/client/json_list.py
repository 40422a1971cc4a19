"""A list in JSON, read value by value, however long it is."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gepa_next.client.source import LONGEST_ROW, RowTooLongError

_DECODER = json.JSONDecoder()
_REST_OF_NUMBER = re.compile(r"[0-9.eE+-]*")
_BLANKS = re.compile(r"[ \t\r\n]*")


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the list, and its number, counted from 1."""

    number: int
    value: object


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row from which on a file is not what it should be, by its line, or its number in a list."""

    line: int
    message: str


def json_list(blocks: Iterator[str]) -> Iterator[Item | Unreadable]:
    """Yield the values of a list; what is wrong with it ends it."""
    text, number = _Text(blocks), 1
    try:
        text.take("[")
        if text.next() == "]":
            text.take("]")
        else:
            yield Item(number, text.value())
            while text.next() == ",":
                number += 1
                text.take(",")
                text.next()
                yield Item(number, text.value())
            text.take("]")
        text.finish()
    except _WrongError as error:
        yield Unreadable(number, f"not a list in JSON from line {text.line} on: {error}")


class _WrongError(Exception):
    """Report what is not JSON."""


class _Text:
    """What was read and not yet used."""

    def __init__(self, blocks: Iterator[str]) -> None:
        self._blocks = blocks
        self._text = ""
        self._at = 0
        self.line = 1

    def next(self) -> str:
        """Return the character behind the blanks, none at the end."""
        while True:
            self._go(_BLANKS.match(self._text, self._at).end())  # type: ignore[union-attr] # it always matches
            if self._at < len(self._text):
                return self._text[self._at]
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Go on behind the character."""
        if (found := self.next()) != character:
            raise _WrongError(f"{character} is expected" + (f" in place of {found}" if found else ""))
        self._go(self._at + 1)

    def finish(self) -> None:
        """Make sure that nothing comes any more."""
        if self.next():
            raise _WrongError("something comes after the list")

    def value(self) -> object:
        """Return the value that begins here, and go on behind it."""
        while True:
            try:
                value, end = _DECODER.raw_decode(self._text, self._at)
            except RecursionError:
                raise _WrongError("nested too deep") from None
            except ValueError as error:
                if not self._more():
                    raise _WrongError(str(error).partition(":")[0]) from None
                continue
            if _REST_OF_NUMBER.fullmatch(self._text, end) and self._more():
                continue  # a number may go on, and be cut where its first part is one too
            self._go(end)
            return value

    def _more(self) -> bool:
        self._text, self._at = self._text[self._at :], 0
        if len(self._text) > LONGEST_ROW:
            raise RowTooLongError(
                f"line {self.line}: a value of more than {LONGEST_ROW} characters; is this the right file?"
            )
        block = next(self._blocks, "")
        self._text += block
        return bool(block)

    def _go(self, end: int) -> None:
        self.line += self._text.count("\n", self._at, end)
        self._at = end
