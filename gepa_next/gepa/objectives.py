"""Several objectives: the candidates that no other is as good as in all of them and better than in one."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from gepa_next.gepa.state import State
from gepa_next.gepa.tokens import count_tokens

# What is wanted of each: more of it, or less.
OBJECTIVES: Mapping[str, int] = MappingProxyType({"score": 1, "prompt_tokens": -1, "output_tokens": -1, "cost_usd": -1})
SEED = 0  # the id of the seed prompt
SAME_DIGITS = 9  # after the point: sums of floats depend on their order


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a candidate's outputs take on average: their tokens, and the cost of its calls; None if unknown."""

    output_tokens: float | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """One candidate by its objectives; None is unknown."""

    candidate_id: int
    score: float
    prompt_tokens: int
    output_tokens: float | None
    cost_usd: float | None

    def goods(self, names: Sequence[str]) -> tuple[float, ...]:
        """Return the objectives of these names, known ones, as numbers that are better when they are higher."""
        values: list[float] = [getattr(self, name) for name in names]
        return tuple(round(OBJECTIVES[name] * value, SAME_DIGITS) for name, value in zip(names, values, strict=True))


def compared_on(state: State) -> list[str]:
    """Return the ids of the validation examples that both the champion and the seed prompt have a score for."""
    seed, champion = (state.scores(each, state.task.validation) for each in (SEED, state.leader.id))
    return [each for each in seed if each in champion]


def whole_scores(state: State, example_ids: Collection[str]) -> dict[int, float]:
    """Return the mean score over these examples of each candidate that has one for all of them."""
    wanted = set(example_ids)
    found: dict[int, list[float]] = {}
    for (candidate_id, example_id), rollout in state.rollouts.items():
        if example_id in wanted and rollout.score is not None:
            found.setdefault(candidate_id, []).append(rollout.score)
    return {each: sum(found[each]) / len(wanted) for each in sorted(found) if len(found[each]) == len(wanted)}


def offers(state: State, scores: Mapping[int, float], answers: Mapping[int, Answers]) -> list[Offer]:
    """Return all candidates that can be compared: those with a score, and what their answers took."""
    return [
        Offer(
            candidate_id=each,
            score=score,
            prompt_tokens=count_tokens(state.candidates[each].text),
            output_tokens=answers[each].output_tokens,
            cost_usd=answers[each].cost_usd,
        )
        for each, score in scores.items()
    ]


def compared_by(some: Sequence[Offer]) -> list[str]:
    """Return the objectives that are known of all of them."""
    return [name for name in OBJECTIVES if all(getattr(each, name) is not None for each in some)]


def non_dominated(some: Sequence[Offer], names: Sequence[str]) -> set[int]:
    """Return the ids of those that none of the others dominates by these objectives; equals do not dominate.

    Whoever dominates another comes before it in the order of their goods, and is dominated itself or stays; so each
    is held against those only that stay, of equals against one.
    """
    ranked: dict[tuple[float, ...], list[int]] = {}
    for each in some:
        ranked.setdefault(each.goods(names), []).append(each.candidate_id)
    front: list[tuple[float, ...]] = []
    for goods in sorted(ranked, reverse=True):
        if not any(all(mine <= theirs for mine, theirs in zip(goods, better, strict=True)) for better in front):
            front.append(goods)
    return {candidate_id for goods in front for candidate_id in ranked[goods]}
