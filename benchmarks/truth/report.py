"""The report of a run: three tables, made of the raw rows alone."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from benchmarks.truth.kinds import KINDS

Row = dict[str, object]
Cell = Callable[[Sequence[Row]], str]


def report(rows: Sequence[Row], *, command: str) -> str:
    """Return the report as Markdown."""
    comparisons = [each for each in rows if each["part"] == "comparison"]
    jobs = [each for each in rows if each["part"] == "job"]
    null, gaining = ([each for each in jobs if bool(each["gain"]) == gains] for gains in (False, True))
    parts = [
        "# The verdict against the truth",
        f"Made by `{command}`; the raw rows are in `truth.jsonl` beside this file.",
        "## Whole jobs in which no proposal can be better",
        _claims(null),
        *_table(null),
        "## Whole jobs in which some proposals gain twice what could just be shown",
        _claims(gaining),
        *_table(gaining),
        "## How often the 95 % interval holds the truth",
        "In percent; in brackets how often the verdict is `improved`, which without a gain is an error.",
        *(part for gain in sorted({float(str(each["gain"])) for each in comparisons})
          for part in (f"With a gain of {gain}:", _coverage(comparisons, gain))),
        "The kinds of scores:",
        "\n".join(f"- `{kind.name}`: {kind.said}" for kind in KINDS),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _claims(rows: Sequence[Row]) -> str:
    improved = sum(each["verdict"] == "improved" for each in rows)
    return f"`improved` is claimed in {improved} of {len(rows)} jobs, {100 * improved / max(1, len(rows)):.1f} %."


def _table(rows: Sequence[Row]) -> list[str]:
    by_kind = defaultdict(list)
    for each in rows:
        by_kind[each["kind"], each["n"]].append(each)
    lines = [
        "| kind | held out | jobs | improved | worse | not the seed prompt returned |",
        "|---|---|---|---|---|---|",
    ]
    for (kind, n), mine in sorted(by_kind.items(), key=str):
        words = [each["verdict"] for each in mine]
        other = sum(each["returned"] != 0 for each in mine)
        counts = (len(mine), words.count("improved"), words.count("worse"), other)
        lines.append(f"| `{kind}` | {n} | " + " | ".join(map(str, counts)) + " |")
    return ["\n".join(lines)]


def _coverage(rows: Iterable[Row], gain: float) -> str:
    cells = {(each["kind"], each["n"]): each for each in rows if each["gain"] == gain}
    sizes = sorted({int(str(n)) for _, n in cells})
    lines = ["| kind | " + " | ".join(f"{n} held out" for n in sizes) + " |", "|---" * (1 + len(sizes)) + "|"]
    for kind in KINDS:
        told = [_cell(cells[kind.name, n]) for n in sizes]
        lines.append(f"| `{kind.name}` | " + " | ".join(told) + " |")
    return "\n".join(lines)


def _cell(row: Row) -> str:
    held, improved, total = (int(str(row[name])) for name in ("holds", "improved", "repetitions"))
    return f"{100 * held / total:.1f} ({100 * improved / total:.1f})"
