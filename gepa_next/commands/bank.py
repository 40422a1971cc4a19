"""Commands about the example bank."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gepa_next.commands.connecting import add_connection, connect
from gepa_next.commands.files import STDIN
from gepa_next.commands.importing import add_import
from gepa_next.commands.outcome import Exit, ending
from gepa_next.commands.terminal import tell

LINE = 60


def add_bank_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `examples` and what comes after it."""
    examples = commands.add_parser("examples", help="import, export and list the example bank")
    about = examples.add_subparsers(required=True, metavar="COMMAND")
    add_import(about)
    exported = about.add_parser("export", help="print the bank as a file that can be imported")
    exported.add_argument("--format", choices=("jsonl", "csv"), default="jsonl", help="JSON lines if left out")
    exported.add_argument("--out", metavar="FILE", default=STDIN, help="write it there, not to stdout")
    exported.set_defaults(run=ending(_export))
    listed = about.add_parser("list", help="list the bank")
    listed.set_defaults(run=ending(_list))
    for parser in (exported, listed):
        parser.add_argument("--tag", action="append", default=[], help="only examples with this tag; repeat for more")
    for parser in (exported, listed):
        add_connection(parser)


def _export(options: argparse.Namespace) -> Exit:
    with connect(options) as client, _target(options.out) as file:
        for piece in client.export_examples(options.format, tags=options.tag):
            file.write(piece)
        file.flush()
    return Exit.DONE


@contextmanager
def _target(path: str) -> Iterator[BinaryIO]:
    if path == STDIN:
        yield sys.stdout.buffer
        return
    with Path(path).open("wb") as file:
        yield file


def _short(text: str | None) -> str:
    return " ".join((text or "").split())[:LINE]


def _list(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        for each in client.examples(tags=options.tag):
            tell(
                options,
                each.raw,
                f"{each.id:16}  {';'.join(each.tags):16}  {_short(each.input):{LINE}}  {_short(each.ideal)}",
            )
    return Exit.DONE
