"""Importing the files of other tools: what is asked for on the command line, and what is told of it."""

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from gepa_next.client import Client, Import
from gepa_next.client.source import Source
from gepa_next.commands.outcome import UsageError
from gepa_next.importers import IMPORTERS, Lost, Place

MOST_DRAWN = 10_000
LONGEST_TAG = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """An import, the job that came with it, and what did not come with it."""

    found: Import
    tags: tuple[str, ...] = ()
    lost: Lost | None = None
    place: Place | None = None
    job: dict[str, object] | None = field(default=None)
    job_file: str | None = None

    def told(self) -> dict[str, object]:
        """Return what a program is told."""
        if self.lost is None:
            return {}
        return {"tags": list(self.tags), "job": self.job, "not_carried_over": self.lost.items()}

    def report(self) -> list[str]:
        """Return what people are told, line by line."""
        if self.lost is None:
            return []
        lost = [f"not carried over: {each['what']} ({each['count']}): {each['why']}" for each in self.lost.items()]
        written = [f"the job is in {self.job_file}"] if self.job_file and self.job else []
        return [f"tagged {', '.join(self.tags)}", *written, *lost]


def add_foreign(parser: argparse.ArgumentParser) -> None:
    """Add the options for files of other tools."""
    group = parser.add_argument_group("files of other tools")
    group.add_argument("--from", dest="origin", choices=sorted(IMPORTERS), help="the tool that the file is of")
    group.add_argument("--definition", type=Path, metavar="FILE", help="what the tool keeps of scoring beside the data")
    group.add_argument(
        "--job", metavar="FILE", help="write the job that the file states, as POST /v1/optimize takes it"
    )
    group.add_argument("--tag", action="append", help="for all the examples, more than once for more; the file's name")


def refuse_mixed(options: argparse.Namespace) -> None:
    """Raise UsageError for options that mean nothing together."""
    of_ours, of_others = ("format", "delimiter"), ("definition", "job", "tag")
    for name in of_ours if options.origin else of_others:
        if getattr(options, name):
            raise UsageError(f"--{name} is for files {'without' if options.origin else 'with'} --from")


def carry_over(
    client: Client, file: BinaryIO, options: argparse.Namespace, on_chunk: Callable[[Import, int], None]
) -> Carried:
    """Write the examples of the file into the bank, tagged, and its job beside it."""
    source = Source(file, options.encoding)
    foreign = IMPORTERS[options.origin](source, Path(options.file), options.definition)
    tags = tuple(options.tag or [Path(options.file).stem[:LONGEST_TAG]])
    rows = ((each[0], {**each[1], "tags": tags}) if isinstance(each, tuple) else each for each in foreign.examples())
    found = client.add_numbered(
        rows, dry_run=options.dry_run, on_chunk=lambda so_far: on_chunk(so_far, source.bytes_read)
    )
    foreign.lost.note(
        "examples beyond 10,000", "a job draws no more from the bank", max(0, found.upserted - MOST_DRAWN)
    )
    job = foreign.job()
    if job is not None:
        job = {**job, "bank": {"tags": list(tags), "limit": min(max(found.upserted, 1), MOST_DRAWN)}}
    if job is not None and options.job:
        Path(options.job).write_text(json.dumps(job, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return Carried(found=found, tags=tags, lost=foreign.lost, place=foreign.place, job=job, job_file=options.job)
