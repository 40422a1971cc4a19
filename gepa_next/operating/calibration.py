"""Calibration: outputs that people have scored, judged as those of a job are, and what comes of the comparison."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.agreement import Agreement, agreement
from gepa_next.gepa.fingerprint import judge_fingerprint
from gepa_next.gepa.judging import judge_call, judged
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.spending import NOTHING_SPENT, Spending, add_spending, by_role, spent_by
from gepa_next.gepa.types import Example, Role
from gepa_next.operating.human_scores import ScoredOutput
from gepa_next.runner.refusals import UntilRefused

Judged = tuple[float | str, Spending]  # the score, or why there is none
Apply = Callable[[Callable[[ScoredOutput], Judged], Sequence[ScoredOutput]], Iterable[Judged]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a judge agrees with people; None if it scored nothing. `failed` counts the others by their error's code.

    `fingerprints` are those that jobs with the same rubrics have: what is found here holds for their scores.
    """

    model_id: str
    fingerprints: Sequence[str]
    agreement: Agreement | None
    failed: Mapping[str, int]
    usage: Mapping[str, float | None]


def calibrate(scored: Sequence[ScoredOutput], judge: LanguageModel, *, model_id: str, apply: Apply) -> Calibration:
    """Judge all outputs, as many at once as `apply` does, and compare; ProviderError if the judge refuses to serve."""
    asked = UntilRefused(judge, tell=lambda _: None)
    results = list(apply(lambda one: _judge(asked, one), scored))
    pairs = [(score, one) for (score, _), one in zip(results, scored, strict=True) if not isinstance(score, str)]
    spending = NOTHING_SPENT
    for _, spent in results:
        spending = add_spending(spending, spent)
    return Calibration(
        model_id=model_id,
        fingerprints=sorted({judge_fingerprint(model_id, one.rubric) for one in scored}),
        agreement=_agreement(pairs) if pairs else None,
        failed=Counter(score for score, _ in results if isinstance(score, str)),
        usage=by_role(spending).get(Role.JUDGE, {}),
    )


def _agreement(pairs: Sequence[tuple[float, ScoredOutput]]) -> Agreement:
    return agreement(
        [score for score, _ in pairs], [one.score for _, one in pairs], [len(one.output) for _, one in pairs]
    )


def _judge(judge: LanguageModel, one: ScoredOutput) -> Judged:
    example = Example(id=f"line-{one.line}", input=one.input, ideal=one.ideal)
    try:
        verdict, spent = judged(judge, judge_call(example, one.output, one.rubric, key=f"calibrate/{one.line}"))
    except ProviderError:
        raise
    except ModelError as error:
        return error.code, spent_by(Role.JUDGE, error)
    return verdict.score, spent
