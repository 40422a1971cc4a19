"""What importers carry over stands in docs/importing.md, with what it becomes."""

import pytest

from gepa_next.importers import IMPORTERS
from gepa_next.importers.graders import SIMILARITIES, STRING_CHECKS
from gepa_next.importers.openai_evals import CLASSES
from gepa_next.importers.promptfoo_checks import COMPARED, RUBRICS
from tests.docs.pages import row_of, rows, words_in_code

EQUIVALENTS = {
    **{name: metric for name, (metric, _) in {**CLASSES, **STRING_CHECKS, **COMPARED}.items() if name != "eq"},
    **SIMILARITIES,
    **dict.fromkeys(RUBRICS, "judge"),
    "eq": "exact_match",
    "equals": "exact_match",
    "regex": "regex",
    "is-json": "json_valid",
    "contains-json": "json_schema",
    "word-count": "length",
}


def test_every_tool_is_documented() -> None:
    assert set(IMPORTERS) <= words_in_code(" ".join(row_of("importing.md", "--from")))


@pytest.mark.parametrize(("name", "metric"), sorted(EQUIVALENTS.items()))
def test_every_equivalent_is_documented_with_its_metric(name, metric) -> None:
    found = [row for row in rows("importing.md") if name in words_in_code(row[0])]
    assert any(metric in words_in_code(row[1]) for row in found)
