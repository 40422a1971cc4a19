"""The bank as one file, JSON lines or CSV, made page by page while it is sent."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence

from gepa_next.api.bank.csv_rows import csv_lines
from gepa_next.gepa.pause import pause
from gepa_next.gepa.types import Example
from gepa_next.store.bank import list_examples
from gepa_next.store.database import Database

PAGE = 200


def bank_of(database: Database, token_id: str, tags: Sequence[str]) -> Iterator[Example]:
    """Yield the examples that have all the tags, by id; those that come or go meanwhile may be among them."""
    wanted, after = set(tags), None
    while page := list_examples(database, token_id, tags=(), limit=PAGE, after=after):
        after = page[-1].example.id
        yield from (each.example for each in page if wanted <= set(each.example.tags))
        pause()


def json_lines_of(examples: Iterator[Example]) -> Iterator[str]:
    """Yield a line for each example, without what it does not have."""
    for each in examples:
        shown = {"id": each.id, "input": each.input, "ideal": each.ideal, "tags": each.tags, "meta": each.meta}
        kept = {name: value for name, value in shown.items() if value is not None and value not in ((), {})}
        yield json.dumps(kept, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, tuple[str, Callable[[Iterator[Example]], Iterator[str]]]] = {
    "jsonl": ("application/x-ndjson", json_lines_of),
    "csv": ("text/csv; charset=utf-8", csv_lines),
}
