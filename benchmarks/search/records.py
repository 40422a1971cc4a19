"""Raw results in a file of JSON lines: written as they come, and gone on with after a run that was broken off."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from threading import Lock
from typing import Any

from benchmarks.search.sources import made_by

KEY = ("kind", "family", "system", "seed", "threads")  # threads where time is measured
Record = dict[str, Any]


def read(path: Path) -> list[Record]:
    """Return the whole lines of the file; the last may have been cut off by a kill."""
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def key_of(trial: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what tells one trial from the others."""
    return tuple(trial.get(name) for name in KEY)


class Records:
    """The file of a run; it keeps what today's sources made, so that what is missing or out of date can be run."""

    def __init__(self, path: Path, *, module: str) -> None:
        self.path, self.module = path, module
        self._made_by: dict[str, str] = {}
        found = read(path)
        kept = {key_of(each): each for each in found if each.get("made_by") == made_by(each["system"], module)}
        self.dropped = len(found) - len(kept)
        self._kept = set(kept)
        self._lock = Lock()
        self._write_anew(kept.values())

    def missing(self, trials: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """Return those trials that have no result here; the sources are read now, as they are when the trials run."""
        missing = [trial for trial in trials if key_of(trial) not in self._kept]
        self._made_by |= {system: made_by(system, self.module) for system in {each["system"] for each in missing}}
        return missing

    def append(self, result: Mapping[str, Any]) -> None:
        """Write a result at once, so that a kill costs no more than the trials that run."""
        line = json.dumps({**result, "made_by": self._made_by[result["system"]]})
        with self._lock, self.path.open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")

    def _write_anew(self, records: Iterable[Record]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        beside = self.path.with_suffix(".new")
        beside.write_text("".join(f"{json.dumps(each)}\n" for each in records), encoding="utf-8")
        beside.replace(self.path)
