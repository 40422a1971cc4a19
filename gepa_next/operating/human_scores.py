"""Files of outputs that people have scored: JSON lines or CSV, read strictly, with the line of what is wrong."""

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

SCALES = (1, 10)
LARGEST_FIELD = 10_000_000  # characters; the csv module allows 131,072 by default
TEXTS = ("input", "output")
OPTIONAL = ("ideal", "rubric")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredOutput:
    """An output, what it answers, and the score in [0, 1] that people gave it; `line` is where it stands."""

    line: int
    input: str
    output: str
    score: float
    ideal: str | None = None
    rubric: str = ""


def read_scored(path: Path, *, scale: int) -> list[ScoredOutput]:
    """Return the outputs of a file whose scores go from 0 to `scale`; ValueError names the line that cannot be used."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    rows = _csv_rows(text) if path.suffix.lower() == ".csv" else _json_rows(text)
    found = [_scored(line, row, scale) for line, row in rows]
    if not found:
        raise ValueError("there is nothing in it")
    return found


def _json_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    for line, said in enumerate(text.split("\n"), 1):
        if not said.strip():
            continue
        try:
            row = json.loads(said)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"line {line}: it is not JSON: {error}") from None
        if not isinstance(row, dict):
            raise ValueError(f"line {line}: it is no object")  # noqa: TRY004 - of the file
        yield line, row


def _csv_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yield the rows, an empty cell as if it were not there, but for `output`, which may be empty."""
    csv.field_size_limit(LARGEST_FIELD)
    reader = csv.DictReader(StringIO(text, newline=""), strict=True)
    try:
        if twice := [name for name, count in Counter(reader.fieldnames or ()).items() if count > 1]:
            raise ValueError(f"line 1: there is more than one column {twice[0]}")
        for missing in {*TEXTS, "score"} - set(reader.fieldnames or ()):
            raise ValueError(f"line 1: there is no column {missing}")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num}: it has more or fewer cells than the header")
            yield reader.line_num, {name: cell for name, cell in row.items() if cell or name == "output"}
    except csv.Error as error:
        raise ValueError(f"line {reader.reader.line_num}: {error}") from None


def _scored(line: int, row: Mapping[str, object], scale: int) -> ScoredOutput:
    for name in TEXTS:
        if not isinstance(row.get(name), str):
            raise ValueError(f"line {line}: {name} must be a text")  # noqa: TRY004 - of the file
    for name in OPTIONAL:
        if not isinstance(row.get(name), str | None):
            raise ValueError(f"line {line}: {name} must be a text, or left out")  # noqa: TRY004 - as above
    ideal, rubric = row.get("ideal"), row.get("rubric")
    return ScoredOutput(
        line=line,
        input=str(row["input"]),
        output=str(row["output"]),
        score=_score(line, row.get("score"), scale) / scale,
        ideal=str(ideal) if ideal is not None else None,
        rubric=str(rubric or ""),
    )


def _score(line: int, said: object, scale: int) -> float:
    try:
        score = float(said) if isinstance(said, int | float | str) and not isinstance(said, bool) else -1.0
    except (ValueError, OverflowError):
        score = -1.0
    if not 0 <= score <= scale:  # nor is NaN
        raise ValueError(f"line {line}: score must be a number from 0 to {scale}")
    return score
