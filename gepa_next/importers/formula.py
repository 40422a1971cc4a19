"""The weights in a formula such as `0.7 * a + 0.3 * b`; nothing is ever evaluated."""

import ast
from collections.abc import Mapping

LONGEST = 1000


class NotWeightsError(ValueError):
    """Report a formula that is more than weights."""


def weights_of(formula: str) -> dict[str, float]:
    """Return the weight of each name; NotWeightsError if it is no sum of names with positive weights."""
    try:
        found = dict(_linear(ast.parse(formula[:LONGEST], mode="eval").body))
    except (SyntaxError, ValueError, RecursionError, ZeroDivisionError, MemoryError):
        raise NotWeightsError(formula) from None
    if "" in found or not found or min(found.values()) <= 0:
        raise NotWeightsError(formula)
    return found


def _linear(node: ast.expr) -> Mapping[str, float]:
    """Return factors by name; that of no name is a constant."""
    if isinstance(node, ast.Name):
        return {node.id: 1.0}
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return {"": float(node.value)}
    if isinstance(node, ast.BinOp):
        left, right = _linear(node.left), _linear(node.right)
        if isinstance(node.op, ast.Add):
            return {name: left.get(name, 0.0) + right.get(name, 0.0) for name in {**left, **right}}
        if isinstance(node.op, ast.Mult) and set(left) == {""}:
            return {name: left[""] * factor for name, factor in right.items()}
        if isinstance(node.op, ast.Mult) and set(right) == {""}:
            return {name: right[""] * factor for name, factor in left.items()}
        if isinstance(node.op, ast.Div) and set(right) == {""}:
            return {name: factor / right[""] for name, factor in left.items()}
    raise NotWeightsError
