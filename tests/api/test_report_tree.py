"""The family tree of a report: every candidate that is drawn stands below its parents, however many there are."""

from gepa_next.api.evidence.report.candidates import Family, Line
from gepa_next.api.evidence.report.tree import MOST_NODES, ROOM, WIDTH, Tree, tree_of
from gepa_next.gepa.types import Candidate, Decision


def line(number: int, *parents: int, decision: Decision = Decision.ACCEPTED) -> Line:
    candidate = Candidate(
        id=number,
        text="",
        parents=parents,
        decision=decision if number else Decision.SEED,
        score=0.75,
        parent_score=0.5 if number else None,
    )
    return Line(candidate=candidate, score=0.7)


def ids(tree: Tree | None) -> list[int]:
    assert tree is not None
    return [each.line.candidate.id for each in tree.nodes]


def test_children_stand_below_their_parent_and_the_way_to_the_champion_is_marked() -> None:
    tree = tree_of(Family([line(0), line(1, 0), line(2, 0), line(3, 1), line(4, 3, 2)]), 3)
    assert ids(tree) == [0, 1, 3, 4, 2]
    assert [each.x for each in tree.nodes] == [12, 38, 64, 90, 38]
    assert [each.path for each in tree.edges if each.leads] == ["M12 18V46H38", "M38 46V74H64"]
    assert len(tree.edges) == 5
    assert [each.path for each in tree.edges if each.second] == ["M38 130Q38 102 90 102"]


def test_a_candidate_says_its_score_and_what_became_of_its_children() -> None:
    out = [line(number, 1, decision=Decision.REJECTED) for number in (2, 3)]
    tree = tree_of(Family([line(0), line(1, 0), *out]), 1)
    assert [each.says for each in tree.nodes] == ["0: 0.70", "1: 0.70 (+0.25), 2 not kept"]


def test_one_candidate_is_no_tree() -> None:
    assert tree_of(Family([line(0), line(1, 0, decision=Decision.REJECTED)]), 0) is None


def test_of_many_the_ancestors_of_the_champion_are_drawn_and_no_one_without_parents() -> None:
    family = Family([line(0), *(line(number, number - 1 if number > 90 else 0) for number in range(1, 99))])
    tree = tree_of(family, 98)
    assert set(range(90, 99)) <= set(ids(tree))
    assert (len(tree.nodes), len(tree.edges), tree.kept) == (MOST_NODES, MOST_NODES - 1, 99)


def test_a_long_line_is_no_wider_than_its_room() -> None:
    tree = tree_of(Family([line(0), *(line(number, number - 1) for number in range(1, 99))]), None)
    assert max(each.x for each in tree.nodes) < ROOM + 20 < WIDTH / 2
    assert tree.height < WIDTH * 1.3
