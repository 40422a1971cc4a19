"""The command that writes a file into the example bank."""

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from gepa_next.client import Client, ClientError, FileError, Import
from gepa_next.commands.connecting import add_connection, connect
from gepa_next.commands.files import add_reading, kind_of, naming, opened
from gepa_next.commands.foreign import Carried, add_foreign, carry_over, refuse_mixed
from gepa_next.commands.outcome import Exit, complain, ending
from gepa_next.commands.terminal import CLEAR, bar, draw, for_people, tell, tell_program
from gepa_next.importers import Place

SHOWN = 20


def add_import(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `examples import`."""
    parser = commands.add_parser("import", help="write the rows of a file into the bank")
    parser.add_argument("file", help="JSON lines, JSON or CSV by its ending, - for stdin")
    add_reading(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what would happen, and write nothing")
    add_foreign(parser)
    add_connection(parser)
    parser.set_defaults(run=ending(_import))


def _import(options: argparse.Namespace) -> Exit:
    refuse_mixed(options)
    with opened(options.file) as file, connect(options) as client:
        progress = Progress(options, size_of(file))
        with progress.watching(), naming(options.file):
            if options.origin:
                carried = carry_over(client, file, options, progress.show)
            else:
                carried = Carried(found=_sent(client, file, options, progress))
    found = carried.found
    value = {**told(found, dry_run=options.dry_run), **carried.told()}
    tell(options, value, "\n".join([*report(found, options, carried.place), *carried.report()]))
    return Exit.FAILED if found.left_out else Exit.DONE


def _sent(client: Client, file: BinaryIO, options: argparse.Namespace, progress: "Progress") -> Import:
    return client.import_examples(
        file,
        kind_of(options.file, options.format),
        encoding=options.encoding,
        delimiter=options.delimiter,
        dry_run=options.dry_run,
        on_chunk=progress.show,
    )


class Progress:
    """What is told of an import while it goes on, and where it ended if that was too early."""

    def __init__(self, options: argparse.Namespace, size: int) -> None:
        self._people = for_people(options)
        self._options = options
        self._size = size
        self._written = 0
        self._chunks = 0

    def show(self, found: Import, read: int) -> None:
        """Draw a bar for people; for programs, print a line of JSON unless it is the only piece."""
        self._written = found.upserted
        self._chunks += 1
        if self._people:
            share = f"{bar(read, self._size)} {100 * read // self._size} %" if self._size else ""
            draw(f"{share} {read:,} bytes  {found.upserted:,} written  {found.left_out:,} left out")
        elif self._chunks > 1 or read < self._size:
            progress = {"bytes": read, "of": self._size or None, "upserted": found.upserted, "left_out": found.left_out}
            tell_program({"progress": progress})

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Say what is in when it ends before its time."""
        try:
            yield
        except (ClientError, FileError, OSError, KeyboardInterrupt) as error:
            self._end()
            interrupted = isinstance(error, KeyboardInterrupt)
            if (self._written or interrupted) and not self._options.dry_run:
                complain(f"{self._written} rows are in; import the file again, no row is doubled by that", Exit.FAILED)
            raise
        self._end()

    def _end(self) -> None:
        if self._people:
            print(CLEAR, end="", flush=True)


def size_of(file: BinaryIO) -> int:
    """Return how long the file is, 0 if nobody knows."""
    return os.fstat(file.fileno()).st_size if file.seekable() else 0


def told(found: Import, *, dry_run: bool) -> dict[str, object]:
    """Return what a program is told of the import."""
    return {
        **({"dry_run": True} if dry_run else {}),
        "upserted": found.upserted,
        "duplicates": found.duplicates,
        "left_out": found.left_out,
        "errors": [{"row": each.row, "path": each.path, "message": each.message} for each in found.errors],
        "first_duplicates": [{"row": each.row, "id": each.id} for each in found.first_duplicates],
    }


def report(found: Import, options: argparse.Namespace, foreign: Place | None) -> list[str]:
    """Return what people are told of the import, line by line."""
    written = "would be written" if options.dry_run else "written"
    place = foreign or ("example" if kind_of(options.file, options.format) == "json" else "line")
    counts = f"{found.upserted} {written}, {found.duplicates} of them known before, {found.left_out} left out"
    known = [f"known before: {place} {each.row} ({each.id})" for each in found.first_duplicates]
    wrong = [
        f"left out: {place} {each.row}: {each.path + ': ' * bool(each.path)}{each.message}" for each in found.errors
    ]
    return [counts, *_first(wrong, found.left_out), *_first(known, found.duplicates)]


def _first(lines: list[str], count: int) -> list[str]:
    shown = lines[:SHOWN]
    more = count - len(shown)
    return [*shown, *([f"and {more} more"] if more else [])]
