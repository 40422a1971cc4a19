"""A judge that varies has not moved, one that gives a point less has, and only what can be compared is."""

import random
from collections.abc import Mapping
from dataclasses import replace

import pytest

from gepa_next.gepa import drift as drift_module
from gepa_next.gepa.anchors import ANCHORS
from gepa_next.gepa.drift import FEWEST, REPEATS, Drift, anchors_fingerprint, drift, judgings_of_check

SD = 0.07  # of a judge from one time to the next, before its score is rounded to a point
TIMES = 600


def scored(rng: random.Random, *, sd: float = SD, shift: float = 0.0) -> dict[str, list[float]]:
    """Return what a judge gives the anchors, of all qualities, in whole points of ten."""
    truths = {anchor.id: (place + 1) / (len(ANCHORS) + 1) for place, anchor in enumerate(ANCHORS)}
    return {
        key: [min(1.0, max(0.0, round(rng.gauss(truth + shift, sd), 1))) for _ in range(REPEATS)]
        for key, truth in truths.items()
    }


def checked(before: Mapping[str, list[float]], now: Mapping[str, list[float]]) -> Drift:
    found = drift(before, now)
    assert found is not None
    return found


def alarms(*, shift: float) -> float:
    rng = random.Random("drift")  # noqa: S311 - reproducibility is the point
    return sum(checked(scored(rng), scored(rng, shift=shift)).moved for _ in range(TIMES)) / TIMES


def test_a_judge_that_varies_seldom_gives_an_alarm() -> None:
    assert alarms(shift=0.0) <= 0.02


@pytest.mark.parametrize("shift", [0.1, -0.1])
def test_a_judge_that_moves_by_a_point_mostly_does_at_the_first_check(shift: float) -> None:
    assert alarms(shift=shift) >= 0.8


def test_the_interval_is_students_of_the_paired_shifts() -> None:
    before = {str(n): [0.5, 0.5] for n in range(6)}
    now = {str(n): [0.5 + n / 10, 0.5 + n / 10] for n in range(6)}
    found = checked(before, now)
    assert (found.n, found.before, found.now, found.shift) == (6, 0.5, 0.75, 0.25)
    # the shifts 0 to 0.5 have the standard deviation 0.18708, and t with 5 degrees of freedom is 4.032
    assert found.interval == pytest.approx((0.25 - 0.3080, 0.25 + 0.3080), abs=1e-3)
    assert not found.moved


def test_a_judge_that_says_the_same_has_not_moved_though_sums_differ_in_their_last_digit() -> None:
    before = {str(n): [0.1, 0.7] for n in range(6)}
    now = {str(n): [0.4, 0.4] for n in range(6)}
    assert not checked(before, now).moved


def test_all_anchors_a_little_lower_is_a_move_of_a_judge_that_never_varies() -> None:
    rng = random.Random(1)  # noqa: S311 - as above
    assert checked(scored(rng, sd=0), {key: [s - 0.1 for s in got] for key, got in scored(rng, sd=0).items()}).moved


def test_anchors_without_a_score_on_one_side_are_left_out_and_few_show_nothing() -> None:
    whole = scored(random.Random(1))  # noqa: S311 - as above
    some = {key: whole[key] for key in list(whole)[:FEWEST]}
    assert checked(whole, {**{key: [] for key in whole}, **some}).n == FEWEST
    some.popitem()
    assert drift(whole, some) is None


def test_every_anchor_is_judged_twice_and_has_a_name_of_its_own() -> None:
    asked = [(anchor.id, nth) for anchor, nth in judgings_of_check()]
    assert len(set(asked)) == len(asked) == REPEATS * len(ANCHORS)


def test_another_judge_or_other_anchors_are_another_fingerprint(monkeypatch: pytest.MonkeyPatch) -> None:
    found = anchors_fingerprint("one")
    assert found == anchors_fingerprint("one") != anchors_fingerprint("two")
    monkeypatch.setattr(drift_module, "ANCHORS", (*ANCHORS[1:], replace(ANCHORS[0], output="Another.")))
    assert found != anchors_fingerprint("one")
