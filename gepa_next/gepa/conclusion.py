"""What the end of a job says in plain words, composed here alone."""

from gepa_next.gepa.paired import FEWEST_TO_CONCLUDE, Comparison, PairedTest, is_tie, retest_verdict, verdict
from gepa_next.gepa.splits import SMALLEST_WITH_TEST

BEST_TO_SELECT_BY = "The champion is returned as the best on the examples to select by"


def conclusion(champion_id: int, returned_id: int, found: PairedTest | None, *, held_out: int) -> str:
    """Say which prompt is returned and why, of a champion and what its test on so many held-out examples found."""
    if champion_id == 0:
        return "The seed prompt stays: no candidate beat it on the examples to select by."
    if found is None:
        return f"{BEST_TO_SELECT_BY}: {_untested(held_out)}."
    compared = _many(found.n, "held-out example")
    if returned_id == 0:
        return f"The seed prompt stays: the best candidate did not beat it on the {compared}."
    return _of_champion(found, compared)


def _untested(held_out: int) -> str:
    if held_out:
        return f"no score for both prompts came of the {_many(held_out, 'held-out example')}"
    return f"none was held out to test it on. Of {SMALLEST_WITH_TEST} or more a third is, unless the job says otherwise"


def _of_champion(found: PairedTest, compared: str) -> str:
    scores = f"{_score(found.score)} to the seed prompt's {_score(found.seed_score)} on the {compared}"
    word = verdict(found)
    if word == "inconclusive":
        least = f"it takes {FEWEST_TO_CONCLUDE} on which the two prompts score differently"
        return f"{BEST_TO_SELECT_BY}: the {compared} decide too little, {least}."
    if is_tie(found):
        return f"The champion is returned for being shorter: it did as well as the seed prompt on the {compared}."
    if word == "improved":
        return f"The champion is better: {scores}."
    return f"The champion is returned: {scores}, which may still be chance."


def retest_conclusion(found: Comparison | None) -> str:
    """Say how the pinned prompt did in a re-test."""
    if found is None:
        return "Nothing could be compared."
    word, examples, scores = retest_verdict(found), _many(found.n, "example"), _both_scores(found)
    if word == "loses":
        return f"The pinned prompt loses: it scored lower on {found.losses} of {examples}. {scores}"
    if word == "passes":
        return f"The pinned prompt passes: it scored lower on none of {examples}. {scores}"
    return f"The pinned prompt lost nothing on {examples}, but {found.unscored} could not be compared. {scores}"


def _both_scores(found: Comparison) -> str:
    """Say both scores: what loses nothing may be as wrong as before."""
    if not is_tie(found):
        return f"Its score is {found.score:.2f}, before it was {found.seed_score:.2f}."
    return f"Its score is {found.score:.2f}, as before."


def _score(value: float) -> str:
    return f"{round(value, 9):.2f}"  # 0.22499999999999998 is a mean of 0.225


def _many(n: int, thing: str) -> str:
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"
