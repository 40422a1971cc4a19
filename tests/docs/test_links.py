"""Links between the pages lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, rows

_LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("source", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_leads_to_a_file_and_its_heading(source: Path) -> None:
    for link in _LINK.findall(source.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (source.parent / name).resolve() if name else source
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_every_threat_names_tests_that_exist() -> None:
    threats = [row for row in rows("security.md") if len(row) == 3 and "tests/" in row[2]]
    assert len(threats) >= 15
    named = {path for row in threats for path in re.findall(r"`([^`]+)`", row[2])}
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached = {ROOT / "README.md"}
    waiting = list(reached)
    while waiting:
        source = waiting.pop()
        linked = {
            (source.parent / link.partition("#")[0]).resolve() for link in _LINK.findall(source.read_text("utf-8"))
        }
        for folder in [each for each in linked if each.is_dir()]:
            linked |= set(folder.glob("*.md"))
        new = {each for each in linked if each.suffix == ".md" and each.exists()} - reached
        reached |= new
        waiting += new
    assert set(PAGES) <= reached


@pytest.mark.parametrize("path", sorted((ROOT / "docs" / "decisions").glob("*.md")), ids=lambda path: path.name)
def test_a_decision_is_short_and_says_what_would_change_our_mind(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 40
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "What would change our mind",
    ]
