"""Who is merged with whom, and that a merge asks nobody."""

from dataclasses import replace

from gepa_next.gepa.components import joined
from gepa_next.gepa.guards import refusal
from gepa_next.gepa.operators import draft
from gepa_next.gepa.proposers.draft import Plan
from gepa_next.gepa.proposers.merge import choose_merge
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import Role
from tests.gepa.programs import SEEDS, evolved, program_models, program_task
from tests.gepa.stage import Models, ended, run_of, state_with

TASK = program_task()


def rivals(**scores: dict[int, float]) -> State:
    """Return a state with the seed, two children and a grandchild; scores by example and candidate."""
    examples = dict(zip(scores, TASK.validation, strict=False))
    children = evolved(1, 0, even="E1"), evolved(2, 0, odd="O2"), evolved(3, 2, odd="O3")
    given = {(number, examples[name].id): score for name, by in scores.items() for number, score in by.items()}
    return state_with(TASK, evolved(0), *children, scores=given)


def test_the_other_parent_is_the_one_that_is_better_on_most_examples() -> None:
    state = rivals(a={1: 1, 2: 0, 3: 0}, b={1: 0, 2: 1, 3: 1}, c={1: 0, 2: 0, 3: 1})
    merge = choose_merge(state, state.candidates[1])
    assert merge is not None
    assert merge.other == state.candidates[3]


def test_nobody_is_merged_with_its_kin() -> None:
    state = rivals(a={0: 1, 2: 0, 3: 0.5}, b={0: 0, 2: 1, 3: 0})
    assert choose_merge(state, state.candidates[3]) is None
    assert choose_merge(state, state.candidates[0]) is None


def test_who_would_make_nothing_new_is_merged_with_nobody() -> None:
    a, b = (each.id for each in TASK.validation[:2])
    scores = {(1, a): 1.0, (1, b): 0.0, (2, a): 0.0, (2, b): 1.0}
    made = evolved(4, 1, 2, even="E1", odd="O2")
    state = state_with(TASK, evolved(0), evolved(1, 0, even="E1"), evolved(2, 0, odd="O2"), made, scores=scores)
    assert choose_merge(state, state.candidates[1]) is None


def test_a_merge_has_two_parents_is_told_and_asks_nobody() -> None:
    a, b = (each.id for each in TASK.validation[:2])
    scores = {(1, a): 1.0, (1, b): 0.0, (2, a): 0.0, (2, b): 1.0}
    rules = {"even": f"{SEEDS['even']} kind-2: answer-2", "odd": f"{SEEDS['odd']} kind-1: answer-1"}
    one, other = evolved(1, 0, even=rules["even"]), evolved(2, 0, odd=rules["odd"])
    task = replace(TASK, iterations=1, population=8)
    state = state_with(task, evolved(0), one, other, scores=scores)
    state.used.update({"reflect": 10**6, "constrain": 10**6})
    models = program_models()
    whole = ended(state, models, program_weight=1.0)
    merges = [each for each in whole.state.candidates.values() if each.operator == "merge"]
    assert merges
    assert {each.parents for each in merges} <= {(1, 2), (2, 1)}
    assert {f"{each.iteration}/merge/{each.id}" for each in merges} <= {step.key for step in whole.steps}
    asked = {call.key for call in models.asked(Role.REFLECTOR)}
    assert not asked & {f"{each.iteration}/reflector/{each.id}" for each in merges}


def test_a_merge_is_made_as_it_was_planned_whatever_was_tried_since() -> None:
    state = rivals(a={1: 1, 2: 0}, b={1: 0, 2: 1})
    merge = choose_merge(state, state.candidates[1])
    assert merge is not None
    plan = Plan(candidate_id=5, operator="merge", parent=state.candidates[1], minibatch=(), merge=merge)
    state.apply(Delta(candidates=(evolved(4, 1, 2, even="E1", odd="O2"),)))
    made = draft(run_of(state, Models()), plan)
    assert (made.prompts, made.text) == ({"even": "E1", "odd": "O2"}, joined({"even": "E1", "odd": "O2"}))
    assert refusal(state, made.text, siblings=set(), prompts=made.prompts) == "duplicate"
