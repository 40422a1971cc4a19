"""Several objectives: who is not dominated, by the definition, with ties and with what is not known."""

import random
from itertools import product

import pytest

from gepa_next.gepa.objectives import (
    OBJECTIVES,
    Answers,
    Offer,
    compared_by,
    compared_on,
    non_dominated,
    offers,
    whole_scores,
)
from gepa_next.gepa.types import Decision
from tests.gepa.stage import Handler, Models, ended, flaky, follows_rules, requests, task_of


def offer(candidate_id: int, score: float, prompt: int, output: float | None = 1, cost: float | None = 0) -> Offer:
    return Offer(candidate_id=candidate_id, score=score, prompt_tokens=prompt, output_tokens=output, cost_usd=cost)


def by_definition(some: list[Offer], names: list[str]) -> set[int]:
    """Hold each against each other."""

    def dominates(one: Offer, other: Offer) -> bool:
        pairs = [
            (getattr(one, name), getattr(other, name))[:: 1 if name == "score" else -1] for name in names
        ]  # the higher the better
        return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)

    return {each.candidate_id for each in some if not any(dominates(other, each) for other in some)}


@pytest.mark.parametrize("values", [2, 3, 10, 1000])
def test_those_are_named_that_no_other_dominates(values: int) -> None:
    rng = random.Random(values)  # noqa: S311 - seeded
    for count, names in product((1, 2, 5, 60), (list(OBJECTIVES), ["score", "prompt_tokens"], ["score"])):
        some = [
            offer(each, rng.randrange(values) / 8, rng.randrange(values), rng.randrange(values), rng.randrange(values))
            for each in range(count)
        ]
        assert non_dominated(some, names) == by_definition(some, names)


def test_a_shorter_prompt_with_a_little_less_score_stays_and_one_that_is_longer_does_not() -> None:
    some = [offer(0, 0.2, 10), offer(1, 0.9, 100), offer(2, 0.85, 40), offer(3, 0.85, 41), offer(4, 0.9, 101)]
    assert non_dominated(some, ["score", "prompt_tokens"]) == {0, 1, 2}


def test_equals_stay_together_and_rounding_makes_no_difference() -> None:
    assert non_dominated([offer(1, 0.3, 5), offer(2, 0.1 + 0.2, 5), offer(3, 0.3, 6)], list(OBJECTIVES)) == {1, 2}


def test_what_is_not_known_of_all_is_not_compared_by() -> None:
    some = [offer(0, 0.5, 5, cost=None), offer(1, 0.5, 5, output=9)]
    assert compared_by(some) == ["score", "prompt_tokens", "output_tokens"]
    assert compared_by([*some, offer(2, 0, 0, output=None)]) == ["score", "prompt_tokens"]
    assert compared_by([]) == list(OBJECTIVES)


def test_candidates_with_a_score_wherever_champion_and_seed_prompt_have_one_are_compared() -> None:
    state = ended(task_of(requests(30), iterations=4), Models()).state
    examples = compared_on(state)
    scores = whole_scores(state, examples)
    found = {each.candidate_id: each for each in offers(state, scores, dict.fromkeys(state.candidates, Answers()))}
    behind = [each for each in state.candidates.values() if each.decision is Decision.REJECTED and each.compared]
    assert any(each.id not in found for each in behind)
    for candidate_id in state.candidates:
        mine = [state.rollouts.get((candidate_id, key)) for key in examples]
        points = [each.score for each in mine if each is not None and each.score is not None]
        assert (candidate_id in found) == (len(points) == len(examples))
        assert candidate_id not in found or found[candidate_id].score == pytest.approx(sum(points) / len(points))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fails", [{}, {"target": flaky(follows_rules, share=0.2)}])
def test_champion_and_seed_prompt_always_take_part(seed: int, fails: dict[str, Handler]) -> None:
    state = ended(task_of(requests(60), seed=seed, iterations=3 + seed), Models(**fails)).state
    assert {0, state.leader.id} <= set(whole_scores(state, compared_on(state)))


def test_examples_of_the_test_are_not_compared_on() -> None:
    state = ended(task_of(requests(60), iterations=3), Models()).state
    assert set(compared_on(state)) <= state.validation_ids
