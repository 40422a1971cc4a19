"""Commands about the example bank."""

import argparse
import io
import json
import os
import sys
from typing import BinaryIO, Literal

from gepa_next.client import Import
from gepa_next.commands.connecting import add_connection, connect
from gepa_next.commands.files import KINDS, STDIN, kind_of, read_examples
from gepa_next.commands.outcome import Exit, ending
from gepa_next.commands.terminal import CLEAR, bar, draw, for_people, tell

LINE = 60
SHOWN_ERRORS = 20


def add_bank_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `examples` and what comes after it."""
    examples = commands.add_parser("examples", help="import, export and list the example bank")
    about = examples.add_subparsers(required=True, metavar="COMMAND")
    imported = about.add_parser("import", help="write the rows of a file into the bank")
    imported.add_argument("file", help="JSON lines, JSON or CSV by its ending, - for stdin")
    imported.add_argument("--format", choices=KINDS, help="what the file is, where its name does not say it")
    imported.set_defaults(run=ending(_import))
    exported = about.add_parser("export", help="print the bank as JSON lines that can be imported")
    exported.set_defaults(run=ending(_export))
    listed = about.add_parser("list", help="list the bank")
    listed.set_defaults(run=ending(_list))
    for parser in (exported, listed):
        parser.add_argument("--tag", action="append", default=[], help="only examples with this tag; repeat for more")
    for parser in (imported, exported, listed):
        add_connection(parser)


def _import(options: argparse.Namespace) -> Exit:
    kind = kind_of(options.file, options.format)
    with _opened(options.file, kind) as file:
        size = _size(file)
        people = for_people(options)

        def on_chunk(found: Import, sent: int) -> None:
            if people:
                draw(f"{bar(sent, size) if size else ''} {sent} bytes  {found.upserted} written")

        with connect(options) as client:
            found = client.import_examples(file, _wire(kind), on_chunk=on_chunk)
    if people:
        print(CLEAR, end="")
    errors = [{"row": each.row, "path": each.path, "message": each.message} for each in found.errors]
    value = {"upserted": found.upserted, "duplicates": found.duplicates, "errors": errors}
    tell(options, value, "\n".join(_report(found)))
    return Exit.FAILED if errors else Exit.DONE


def _opened(path: str, kind: str) -> BinaryIO:
    """Return the file to send; a list in JSON is read as a whole."""
    if kind == "json":
        return io.BytesIO("".join(f"{json.dumps(each)}\n" for each in read_examples(path, kind)).encode())
    return sys.stdin.buffer if path == STDIN else open(path, "rb")  # noqa: PTH123 - the caller closes it


def _wire(kind: str) -> Literal["csv", "jsonl"]:
    return "csv" if kind == "csv" else "jsonl"


def _size(file: BinaryIO) -> int:
    """Return how long the file is, 0 if nobody knows."""
    if not file.seekable():
        return 0
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def _report(found: Import) -> list[str]:
    shown = [f"line {each.row}: {each.path}: {each.message}" for each in found.errors[:SHOWN_ERRORS]]
    more = len(found.errors) - len(shown)
    counts = f"{found.upserted} written, {found.duplicates} of them known before, {len(found.errors)} left out"
    return [counts, *shown, *([f"and {more} more"] if more else [])]


def _export(options: argparse.Namespace) -> Exit:
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr] # it is a text file
    with connect(options) as client:
        for each in client.examples(tags=options.tag):
            kept = {name: each.raw[name] for name in ("id", "input", "ideal", "tags", "meta")}
            print(json.dumps({name: value for name, value in kept.items() if value is not None}, ensure_ascii=False))
    return Exit.DONE


def _list(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        for each in client.examples(tags=options.tag):
            text = " ".join(each.input.split())[:LINE]
            tell(options, each.raw, f"{each.id:16}  {';'.join(each.tags):16}  {text}")
    return Exit.DONE
