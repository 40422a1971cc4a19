"""No write of the store is without a scenario that kills its process before and after the commit."""

import ast
from collections.abc import Iterator
from pathlib import Path

import gepa_next
from tests.crash.scenarios import SCENARIOS

PACKAGE = Path(gepa_next.__file__).parent
WRITES = ("database.write", "database.write_soon", "database.submit")


def definitions(path: Path) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef))


def writes(definition: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls by which a unit of writing is handed to a database."""
    for node in ast.walk(definition):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(WRITES):
            yield node


def kind(write: ast.Call, definition: ast.FunctionDef | ast.ClassDef) -> str:
    """Return the name of the function whose unit it is, as a fault knows it."""
    unit = write.args[0]
    if isinstance(unit, ast.Call) and ast.unparse(unit.func) == "partial":
        return ast.unparse(unit.args[0])
    return definition.name


def kinds_of_writes() -> set[str]:
    return {
        kind(write, definition)
        for path in PACKAGE.rglob("*.py")
        for definition in definitions(path)
        for write in writes(definition)
    }


def test_every_kind_of_write_is_killed_before_and_after_its_commit() -> None:
    wanted = {(kind, moment) for kind in kinds_of_writes() | {"migrate"} for moment in ("before", "after")}
    faults = {tuple(fault.split(":")) for scenario in SCENARIOS for fault in scenario.all_faults}
    assert wanted == {(kind, moment) for kind, _, moment, what in faults if what == "kill"}


def test_transactions_are_begun_nowhere_but_where_faults_strike() -> None:
    begin = {
        f"{path.stem}.{definition.name}"
        for path in PACKAGE.rglob("*.py")
        for definition in definitions(path)
        if any(isinstance(node, ast.Constant) and str(node.value).startswith("BEGIN") for node in ast.walk(definition))
    }
    reading = {"migrate._at_one_moment"}
    assert begin == {"writer.Writer", "migrate._apply"} | reading
