"""The family tree of a report: a line for each candidate that was kept, below the one that it was made of."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gepa_next.api.evidence.report.candidates import Family, Line
from gepa_next.api.words import count, difference, score

WIDTH, ROW, TOP = 720, 28, 18
LEFT, WIDEST_STEP, ROOM = 12, 26, 240
MOST_NODES = 30

Kept = Mapping[int, Line]


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A candidate in the tree, in units of the drawing, and what stands beside it."""

    x: float
    y: float
    line: Line
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """The path from a parent to a candidate: whether it leads to the champion, and whether it is a second parent's."""

    path: str
    leads: bool
    second: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What is drawn of as many candidates as were `kept`; with a candidate that is drawn its parents are."""

    nodes: Sequence[Node]
    edges: Sequence[Edge]
    kept: int

    @property
    def height(self) -> int:
        """How high the drawing is."""
        return ROW * len(self.nodes) + TOP // 2


def tree_of(family: Family, champion_id: int | None) -> Tree | None:
    """Return the tree, None where nothing but the seed prompt was kept."""
    kept = {each.candidate.id: each for each in family.lines if each.kept}
    if len(kept) < 2:  # noqa: PLR2004 - one node is no tree
        return None
    leading = _ancestors(kept, champion_id)
    drawn = {each: kept[each] for each in sorted(kept, key=lambda each: (each not in leading, each))[:MOST_NODES]}
    depths = dict(_in_order(drawn))
    step = min(WIDEST_STEP, ROOM / max(1, *depths.values()))
    places = {
        each: (round(LEFT + depth * step, 1), TOP + ROW * row) for row, (each, depth) in enumerate(depths.items())
    }
    rejected = Counter(parent for each in family.lines if not each.kept for parent in each.candidate.parents[:1])
    nodes = [Node(x=x, y=y, line=kept[each], says=_said(kept[each], rejected[each])) for each, (x, y) in places.items()]
    return Tree(nodes=nodes, edges=list(_edges(drawn, places, leading)), kept=len(kept))


def _ancestors(kept: Kept, candidate_id: int | None) -> set[int]:
    """Return the candidate and all that it was made of."""
    found: set[int] = set()
    waiting = [] if candidate_id is None else [candidate_id]
    while waiting:
        each = waiting.pop()
        if each in kept and each not in found:
            found.add(each)
            waiting += kept[each].candidate.parents
    return found


def _in_order(drawn: Kept) -> Iterator[tuple[int, int]]:
    """Yield each candidate and its depth, the first children right after their parent."""
    children: dict[int | None, list[int]] = {}
    for each in sorted(drawn, reverse=True):
        parents = [parent for parent in drawn[each].candidate.parents if parent in drawn]
        children.setdefault(parents[0] if parents else None, []).append(each)
    waiting = [(each, 0) for each in children.get(None, [])]
    while waiting:
        each, depth = waiting.pop()
        yield each, depth
        waiting += [(child, depth + 1) for child in children.get(each, [])]


def _edges(drawn: Kept, places: Mapping[int, tuple[float, int]], leading: set[int]) -> Iterator[Edge]:
    for each, line in drawn.items():
        x, y = places[each]
        for place, parent in enumerate(each for each in line.candidate.parents if each in drawn):
            from_x, from_y = places[parent]
            path = f"M{from_x} {from_y}Q{from_x} {y} {x} {y}" if place else f"M{from_x} {from_y}V{y}H{x}"
            yield Edge(path=path, leads=each in leading, second=place > 0)


def _said(line: Line, rejected: int) -> str:
    gained = "" if line.difference is None else f" ({difference(line.difference)})"
    failed = f", {count(rejected)} not kept" if rejected else ""
    return f"{line.candidate.id}: {score(line.score)}{gained}{failed}"
