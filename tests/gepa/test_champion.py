"""The end of a run says what was found, on examples that nothing saw before."""

from dataclasses import replace

import pytest

from gepa_next.gepa import fences
from gepa_next.gepa.acceptance import Comparison, compare, verdict_on
from gepa_next.gepa.champion import held_out_test
from gepa_next.gepa.conclusion import conclusion
from gepa_next.gepa.fingerprint import judge_fingerprint, metric_fingerprint
from gepa_next.gepa.messages import DEFAULT_RUBRIC
from gepa_next.gepa.paired import PairedTest, returned_id, verdict
from gepa_next.gepa.replies import PromptReply
from gepa_next.gepa.splits import default_sizes
from gepa_next.gepa.state import State
from gepa_next.gepa.statistics import mean
from gepa_next.gepa.types import Split
from tests.gepa.stage import SEED_PROMPT, Models, accepted, ended, follows_rules, requests, state_with, task_of

TASK = task_of(requests(30))


def found(n: int, low: float, high: float, *, wins: int = 6, losses: int = 0) -> PairedTest:
    return PairedTest(
        n=n,
        seed_score=0.5,
        score=0.5,
        difference=0.0,
        interval=(low, high),
        wins=wins,
        losses=losses,
        p_value=1.0,
        lost=(),
    )


@pytest.mark.parametrize(
    ("test", "word"),
    [
        (None, "inconclusive"),
        (found(5, 0.1, 0.5), "inconclusive"),
        (found(6, 0.1, 0.5), "improved"),
        (found(9, 0.1, 0.5, wins=5), "inconclusive"),
        (found(9, -0.5, -0.1, wins=0, losses=5), "inconclusive"),
        (found(9, -0.5, -0.1, wins=0, losses=6), "worse"),
        (found(9, -0.1, 0.5), "not_shown"),
        (found(9, 0.0, 0.5), "not_shown"),
        (found(9, 0.0, 0.0, wins=0), "not_shown"),
    ],
)
def test_the_verdict_in_a_word(test: PairedTest | None, word: str) -> None:
    assert verdict(test) == word


def contest(seed: list[float | None], other: list[float | None]) -> PairedTest | None:
    scores = {
        (number, example.id): score
        for number, mine in enumerate((seed, other))
        for example, score in zip(TASK.test, mine, strict=False)
        if score is not None
    }
    champion = accepted(1, "B", 0)
    return held_out_test(state_with(TASK, accepted(0, "A"), champion, scores=scores), champion)


def test_the_contest_is_paired_and_leaves_out_what_has_no_score_for_both() -> None:
    test = contest([0.0, 0.5, None, 1.0, 0.2], [1.0, 0.5, 1.0, None, 0.1])
    assert test is not None
    assert (test.n, test.wins, test.losses, test.lost) == (3, 1, 1, (TASK.test[4].id,))
    assert (test.seed_score, test.score) == pytest.approx((0.7 / 3, 1.6 / 3))
    assert test.difference == pytest.approx(0.3)
    assert test.p_value > 0.05


@pytest.mark.parametrize(("wins", "losses", "word"), [(6, 0, "improved"), (7, 1, "not_shown"), (8, 1, "improved")])
def test_with_scores_of_0_or_1_nothing_is_improved_that_the_sign_test_does_not_show(
    wins: int, losses: int, word: str
) -> None:
    test = contest([0.0] * wins + [1.0] * losses, [1.0] * wins + [0.0] * losses)
    assert verdict(test) == word
    assert test is not None
    assert (test.p_value <= 0.05) == (word == "improved")


def test_the_seed_prompt_differs_from_itself_by_nothing() -> None:
    scores = {(0, example.id): 0.5 for example in TASK.test}
    test = held_out_test(state_with(TASK, accepted(0, "A"), scores=scores), accepted(0, "A"))
    assert test is not None
    assert (test.interval, test.p_value, verdict(test)) == ((0.0, 0.0), 1.0, "not_shown")


def test_without_a_score_for_both_there_is_no_contest() -> None:
    assert contest([0.0, None], [None, 1.0]) is None


def test_the_result_is_the_champion_with_its_held_out_scores() -> None:
    whole = ended(TASK, Models())
    champion = whole.state.leader
    test = whole.state.scores(champion.id, TASK.test)
    assert (whole.result["prompt"], whole.result["candidate_id"]) == (champion.text, champion.id)
    assert whole.result["score"] == pytest.approx(sum(test.values()) / len(TASK.test))
    assert (whole.result["scored_on"], whole.result["verdict"]) == ("test", "improved")
    assert whole.result["lessons"] == [each.text for each in whole.state.lessons]


def test_a_champion_that_does_worse_on_the_test_gives_way_to_the_seed_prompt() -> None:
    test = {each.id for each in TASK.test}
    models = Models(target=lambda call: backwards(call.key, follows_rules(call), test))
    whole = ended(TASK, models)
    assert whole.state.leader.id != 0
    assert (whole.result["prompt"], whole.result["candidate_id"]) == (SEED_PROMPT, 0)
    assert whole.result["score"] == whole.result["seed_score"] == 1.0
    assert whole.result["verdict"] == "worse"
    assert whole.result["test"]["lost"] == tuple(each.id for each in TASK.test)
    assert str(whole.result["says"]).startswith("The seed prompt stays: the best candidate did not beat it on the 10 ")


def backwards(key: str, answer: str, test: set[str]) -> str:
    """Answer the seed's test calls rightly and everybody else's wrongly."""
    _, candidate_id, example_id, *_ = key.split("/")
    if example_id not in test:
        return answer
    return f"answer-{int(example_id[1:]) % 5}" if candidate_id == "0" else "no"


@pytest.mark.parametrize(
    ("difference", "n", "shorter", "returned"),
    [
        (0.1, 9, False, 1),
        (-0.1, 9, True, 0),
        (-0.1, 5, True, 0),
        (0.0, 9, False, 0),
        (0.0, 9, True, 1),
        (0.0, 5, False, 1),
        (1e-16, 9, False, 0),
    ],
)
def test_a_champion_is_returned_that_beat_the_seed_prompt_or_did_as_well_and_is_shorter(
    difference: float, n: int, *, shorter: bool, returned: int
) -> None:
    test = replace(found(n, -0.1, 0.2), difference=difference)
    assert returned_id(1, test, shorter=shorter) == returned


def test_without_a_held_out_example_validation_decides() -> None:
    assert returned_id(1, None, shorter=False) == 1


@pytest.mark.parametrize(
    ("champion", "returned", "test", "said"),
    [
        (0, 0, None, "The seed prompt stays: no candidate beat it"),
        (0, 0, found(9, 0.0, 0.0, wins=0), "The seed prompt stays: no candidate beat it"),
        (1, 0, found(10, -0.1, 0.1), "The seed prompt stays: the best candidate did not beat it on the 10 held-out"),
        (
            1,
            1,
            None,
            "The champion is returned as the best on the examples to select by: no score for both prompts came",
        ),
        (1, 1, found(1, 0.0, 0.0), "The champion is returned as the best on the examples to select by: the 1 held-out"),
        (1, 1, found(9, -0.1, 0.1), "The champion is returned for being shorter"),
        (1, 1, replace(found(9, 0.1, 0.3), difference=0.2, score=0.7), "The champion is better: 0.70 to the seed"),
        (1, 1, replace(found(9, -0.1, 0.3), difference=0.1), "The champion is returned: "),
    ],
)
def test_the_result_says_in_a_sentence_what_is_returned_and_why(
    champion: int, returned: int, test: PairedTest | None, said: str
) -> None:
    assert conclusion(champion, returned, test, held_out=9).startswith(said)


def test_a_job_that_held_nothing_out_says_how_many_examples_it_takes() -> None:
    said = conclusion(1, 1, None, held_out=0).partition(": ")[2]
    assert said == "none was held out to test it on. Of 12 or more a third is, unless the job says otherwise."
    assert [default_sizes(n).test for n in (11, 12)] == [0, 4]


def test_an_inconclusive_test_says_what_it_would_take() -> None:
    said = conclusion(1, 1, found(4, 0.0, 0.2), held_out=4)
    assert said.endswith(
        "the 4 held-out examples decide too little, it takes 6 on which the two prompts score differently."
    )


def test_a_seed_prompt_that_nobody_beat_is_tested_once() -> None:
    whole = ended(TASK, Models(reflector=lambda _: PromptReply(lesson="", prompt=SEED_PROMPT)))
    made = [each for each in whole.state.rollouts.values() if each.split is Split.TEST]
    assert len(made) == len(TASK.test)
    assert whole.result["verdict"] == "not_shown"


def test_without_a_test_split_the_scores_are_those_of_validation() -> None:
    whole = ended(replace(TASK, test=()), Models())
    assert whole.result["scored_on"] == "validation"
    examples = tuple(each for each in TASK.validation if (0, each.id) in whole.state.rollouts)
    assert whole.result["score"] == mean(list(whole.state.scores(whole.state.leader.id, examples).values()))
    assert not [step for step in whole.steps if step.stage == "test"]


def compared(score: float, parent_score: float) -> Comparison:
    return Comparison(score=score, parent_score=parent_score, compared=3)


@pytest.mark.parametrize(
    ("comparison", "text", "reason"),
    [
        (None, "x" * 100, "not_comparable"),
        (compared(0.6, 0.5), "x" * 1000, None),
        (compared(0.1 + 0.2, 0.3), "x" * 400, "not_better"),
        (compared(0.5, 0.5), "x" * 360, None),
        (compared(0.5, 0.5), "x" * 364, "not_better"),
        (compared(0.0, 0.0), "x", "not_better"),
        (compared(0.4, 0.5), "x", "not_better"),
    ],
)
def test_better_or_as_good_and_a_tenth_shorter_is_accepted(
    comparison: Comparison | None, text: str, reason: str | None
) -> None:
    assert verdict_on(comparison, text=text, parent=accepted(0, "x" * 400)) == reason


def test_a_comparison_is_over_the_examples_that_both_have_a_score_for() -> None:
    first, second, third, *_ = TASK.train
    scores = {(0, first.id): 0.5, (0, second.id): 0.0, (1, first.id): 0.7, (1, third.id): 1.0}
    state: State = state_with(TASK, accepted(0, "A"), accepted(1, "B", 0), scores=scores)
    assert compare(state, 1, 0, TASK.train) == Comparison(score=0.7, parent_score=0.5, compared=1)


@pytest.mark.parametrize(("scored", "compared"), [(2, 2), (1, 0), (0, 0)])
def test_a_comparison_takes_a_score_for_half_of_what_the_parent_has_one_for(scored: int, compared: int) -> None:
    keys = [each.id for each in TASK.validation[:4]]
    scores = {(0, key): 0.5 for key in keys} | {(1, key): 1.0 for key in keys[:scored]}
    state = state_with(TASK, accepted(0, "A"), accepted(1, "B", 0), scores=scores)
    found = compare(state, 1, 0, TASK.validation)
    assert (found.compared if found else 0) == compared


def test_scores_of_another_judge_or_rubric_have_another_fingerprint() -> None:
    judges = [judge_fingerprint("a"), judge_fingerprint("b"), judge_fingerprint("a", "kind")]
    described = [[{"name": "length", "max": 3}], [{"name": "length", "max": 4}], [{"name": "exact_match"}]]
    metrics = [metric_fingerprint(each, judge) for each in described for judge in (None, *judges)]
    assert len({*judges, *metrics}) == 3 + 3 * 4
    assert metric_fingerprint([{"max": 3, "name": "length"}]) == metrics[0]
    assert judge_fingerprint("a") == judge_fingerprint("a", "")


def test_a_judge_that_is_asked_otherwise_has_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    before = judge_fingerprint("a")
    assert judge_fingerprint("a", DEFAULT_RUBRIC) != before  # which is not sent where there is an ideal
    monkeypatch.setattr(fences, "harmless", lambda text: text)
    assert judge_fingerprint.__wrapped__("a") != before  # the function itself, which remembers nothing
