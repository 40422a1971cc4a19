"""The judge's noise: how much its scores vary when it scores the same outputs again."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import product
from math import fsum, sqrt
from statistics import variance

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.judging import judge_call, judged
from gepa_next.gepa.run import Run, exceeded
from gepa_next.gepa.spending import NOTHING_SPENT, Spending, add_spending, spent_by
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Example, JudgeNoise, Role, Rollout

ANCHORS = 6
REPEATS = 2  # judgings of each, besides the one that scored it
ROOM = 10  # so many rollouts for each judging must fit into the limits
NOISE_KEY = "0/noise"

Anchor = tuple[Example, Rollout]


def judgings_of(scored: int) -> int:
    """Return how many judgings the measurement takes when so many outputs of the seed prompt are scored."""
    return REPEATS * min(ANCHORS, scored)


def measure_noise(run: Run) -> Iterator[Step]:
    """Yield the step that tells the judge's noise, a checkpoint; none where nobody judges or the limits are narrow."""
    anchors = choose_anchors(run.state)
    if not run.asks_judge or exceeded(run, rollouts=ROOM * judgings_of(len(anchors))) is not None:
        return
    scores = {example.id: _first_score(run, rollout) for example, rollout in anchors}
    spending = NOTHING_SPENT
    for (example, _), score, spent in run.fan_out(
        lambda asked: _judged_again(run, *asked), list(product(anchors, range(REPEATS)))
    ):
        scores[example.id] += [] if score is None else [score]
        spending = add_spending(spending, spent)
    yield _told(noise_in(list(scores.values()), share=run.judge_weight or 1.0), spending)


def _first_score(run: Run, rollout: Rollout) -> list[float]:
    """Return the judge's score that the rollout has, nothing where others have a part in it."""
    alone = run.metric is None and not run.program_weight
    return [rollout.score] if alone and rollout.score is not None else []


def choose_anchors(state: State) -> list[Anchor]:
    """Return outputs of the seed prompt spread evenly over their scores, from the lowest on."""
    scored = [(each, state.rollouts[0, each.id]) for each in state.deciding if each.id in state.scores(0, (each,))]
    scored.sort(key=lambda anchor: (anchor[1].score, anchor[0].id))
    count = min(ANCHORS, len(scored))
    return [scored[(2 * place + 1) * len(scored) // (2 * count)] for place in range(count)]


def noise_in(judgings: Sequence[Sequence[float]], *, share: float) -> JudgeNoise:
    """Return the standard deviation within the outputs, pooled over them.

    The `share` is what the judge's score counts for in that of a rollout, to which the result is scaled.
    """
    repeated = [each for each in judgings if len(each) > 1]
    freedom = sum(len(each) - 1 for each in repeated)
    if not freedom:
        return JudgeNoise(sd=None, n=0, repeats=REPEATS)
    squares = fsum((len(each) - 1) * variance(each) for each in repeated)  # exactly 0 where all are the same
    return JudgeNoise(sd=share * sqrt(squares / freedom), n=len(repeated), repeats=REPEATS)


def _judged_again(run: Run, anchor: Anchor, nth: int) -> tuple[Anchor, float | None, Spending]:
    example, rollout = anchor
    key = f"{Role.JUDGE}/{rollout.candidate_id}/{example.id}/noise/{nth}"
    call = judge_call(example, rollout.output, run.state.task.rubric, key=key, fresh=True)
    try:
        verdict, spent = judged(run.model, call)
    except ProviderError:
        raise
    except ModelError as error:
        return anchor, None, spent_by(Role.JUDGE, error)
    return anchor, verdict.score, spent


def _told(noise: JudgeNoise, spending: Spending) -> Step:
    delta = Delta(noise=noise, spending=spending, checkpoint=True)
    return Step(key=NOISE_KEY, stage="noise", data={"iteration": 0, **asdict(noise)}, delta=delta)
