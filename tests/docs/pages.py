"""The pages of the documentation, and what can be found in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
ADDRESS = "http://127.0.0.1:8000"
TIMEOUT_S = 60
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md")))

_CODE = re.compile(r"`([^`\n]+)`")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """Return the cells of every table row of a page."""
    lines = [line for line in page(name).splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines]


def words_in_code(text: str) -> set[str]:
    """Return what stands between backticks, and each word of it."""
    found = _CODE.findall(text)
    return {*found, *(word for each in found for word in re.findall(r"[\w.-]+", each))}


def row_of(name: str, term: str) -> list[str]:
    """Return the table row that begins with the term; fails when there is none."""
    found = [row for row in rows(name) if term in words_in_code(row[0])]
    assert found, f"{name} has no row for {term}"
    return found[0]


def fenced(text: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
