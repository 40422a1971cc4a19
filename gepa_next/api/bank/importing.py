"""Many examples in one request: each checked, written a few hundred at a time, with room for others in between."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from json import JSONDecodeError
from operator import itemgetter

from gepa_next.api.bank.csv_rows import Row
from gepa_next.api.edge.auth import token_id
from gepa_next.api.edge.body import parse_json
from gepa_next.api.edge.quotas import quota
from gepa_next.api.edge.wiring import wiring
from gepa_next.api.jobs.intake import to_example
from gepa_next.api.jobs.optimize import validated
from gepa_next.api.jobs.schemas import ExampleBody
from gepa_next.errors import InvalidError, QuotaError, RefusedError
from gepa_next.gepa.pause import paced, pause
from gepa_next.gepa.types import Example
from gepa_next.store.bank import find_duplicates, upsert_examples

MOST_TOLD = 100
WRITTEN_AT_ONCE = 500
CHECKED_AT_ONCE = 250
LARGEST_AT_ONCE = 500_000  # characters

Batch = list[tuple[int, Example]]


@dataclass(slots=True)
class Imported:
    """What became of the rows; of those that were left out or known before the first ones are told."""

    upserted: int = 0
    duplicates: int = 0
    left_out: int = 0
    errors: list[dict[str, object]] = field(default_factory=list)
    first_duplicates: list[dict[str, object]] = field(default_factory=list)

    def leave_out(self, row: int, path: str, message: str) -> None:
        """Note that a row could not be used."""
        self.left_out += 1
        if len(self.errors) < MOST_TOLD:
            self.errors.append({"row": row, "path": path, "message": message})

    def take(self, batch: Batch, duplicates: Sequence[int]) -> None:
        """Note rows that were written, and which of them were known."""
        self.upserted += len(batch)
        self.duplicates += len(duplicates)
        known: list[dict[str, object]] = [
            {"row": row, "id": example.id} for row, example in map(batch.__getitem__, duplicates)
        ]
        self.first_duplicates = nsmallest(MOST_TOLD, [*self.first_duplicates, *known], key=itemgetter("row"))


def import_rows(rows: Iterable[Row], *, dry_run: bool) -> Imported:
    """Write what can be used of the rows; in a dry run only look what is known of it."""
    found, met = Imported(), set[str]()
    checked = list(_checked(rows, found))
    checked.sort(key=lambda each: each[1].id)  # neighbours share pages of the tree; of one id the last stays the last
    for batch in _batches(checked):
        pause()
        if dry_run:
            examples = [example for _, example in batch]
            found.take(batch, find_duplicates(wiring().database, token_id(), examples, met))
        else:
            _write(batch, found)
    return found


def _write(batch: Batch, found: Imported) -> None:
    """Write the rows, or leave out all of them if the bank may not hold so many."""
    examples = [example for _, example in batch]
    try:
        written = upsert_examples(wiring().database, token_id(), examples, now=time.time(), quota=quota())
    except QuotaError as error:
        for number, _ in batch:
            found.leave_out(number, "", error.message)
    else:
        found.take(batch, written.duplicates)


def json_lines(text: str) -> Iterator[Row]:
    """Yield line and value of each line, an error in place of what is not JSON."""
    for number, line in enumerate(text.split("\n"), 1):
        if line and not line.isspace():
            yield number, _parsed(line)


def _parsed(line: str) -> object:
    try:
        return parse_json(line)
    except RefusedError as error:
        cause = error.__context__
        if isinstance(cause, JSONDecodeError):  # a line is no body, and has its number already
            return RefusedError(error.code, f"not JSON: {cause.msg}, at column {cause.colno}")
        return error


def _checked(rows: Iterable[Row], found: Imported) -> Iterator[tuple[int, Example]]:
    for number, value in paced(rows, every=CHECKED_AT_ONCE):
        try:
            if isinstance(value, RefusedError):
                raise value
            yield number, to_example(validated(ExampleBody, value))
        except InvalidError as error:
            path, message = error.details[0]
            found.leave_out(number, path, message)
        except RefusedError as error:
            found.leave_out(number, "", error.message)


def _batches(examples: Batch) -> Iterator[Batch]:
    waiting: Batch = []
    size = 0
    for number, example in examples:
        waiting.append((number, example))
        size += len(example.input) + len(example.ideal or "")
        if len(waiting) == WRITTEN_AT_ONCE or size >= LARGEST_AT_ONCE:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting
