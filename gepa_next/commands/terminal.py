"""What commands print: a line for people on a terminal, JSON lines for programs everywhere else."""

import argparse
import json
import shutil
import sys
from collections.abc import Mapping

WIDTH = 20
DONE, LEFT = "#", "-"
PART = "  "
CLEAR = "\r\x1b[K"
MINUTE, HOUR = 60, 3600
SIMULATED = "simulated: its scores mean nothing"


def for_people(options: argparse.Namespace) -> bool:
    """Return whether a person reads this; else what is printed is UTF-8 JSON."""
    people = sys.stdout.isatty() and not options.json
    sys.stdout.reconfigure(  # type: ignore[union-attr] # it is a text file
        encoding=None if people else "utf-8", errors="replace" if people else "strict"
    )
    return people


def tell(options: argparse.Namespace, value: Mapping[str, object], line: str) -> None:
    """Print the line for people, or the value as a line of JSON."""
    if for_people(options):
        print(plain(line), flush=True)
    else:
        tell_program(value)


def tell_program(value: Mapping[str, object]) -> None:
    """Print the value as a line of JSON."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def plain(text: str) -> str:
    """Return the text without characters that would steer a terminal."""
    return "".join(each if each.isprintable() or each in "\n\t" else "�" for each in text)


def draw(line: str) -> None:
    """Put the line in place of the one that was drawn before."""
    print(f"{CLEAR}{fitted(plain(line), shutil.get_terminal_size().columns - 1)}", end="", flush=True)


def fitted(line: str, width: int) -> str:
    """Return as much of the line as fits, in whole parts, which two spaces divide; of the first one what fits."""
    while len(line) > width and PART in line:
        line = line.rpartition(PART)[0].rstrip()
    return line[:width]


def bar(done: float, total: float) -> str:
    """Return a bar that is filled as far as it is done."""
    filled = round(WIDTH * min(done / total, 1)) if total else WIDTH
    return f"[{DONE * filled}{LEFT * (WIDTH - filled)}]"


def score(value: float | None) -> str:
    """Return a score to read."""
    return "none" if value is None else f"{round(value, 9):.2f}"  # as the page rounds


def usd(value: float | None) -> str:
    """Return a cost to read."""
    return "cost unknown" if value is None else f"{value:.2f} USD"


def seconds(value: float) -> str:
    """Return a duration to read."""
    if value < MINUTE:
        return f"{value:.0f} s"
    return f"{value / MINUTE:.0f} min" if value < HOUR else f"{value / HOUR:.1f} h"
