"""A check of the judge: the anchors judged again, one after the other, and compared with the baseline."""

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.anchors import ANCHORS, Anchor
from gepa_next.gepa.drift import FEWEST, Scores, anchor_call, anchors_fingerprint, drift, judgings_of_check
from gepa_next.gepa.judging import judged
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.spending import NEVER_ASKED, NOTHING_SPENT, Spending, Spent, add_spending, by_role, spent_by
from gepa_next.gepa.types import Role
from gepa_next.models import JudgeCheck
from gepa_next.store.database import Database
from gepa_next.store.judge_checks import Turn, find_baseline, record_check

BROKEN_OFF = "broken off"


@dataclass(slots=True, kw_only=True)
class Answers:
    """What the judge said in one check; `refusal` is why it was not asked to the end, None if it was."""

    scores: dict[str, list[float]] = field(default_factory=lambda: {anchor.id: [] for anchor in ANCHORS})
    outcomes: Counter[str] = field(default_factory=Counter)
    spending: Spending = field(default_factory=lambda: NOTHING_SPENT)
    refusal: str | None = None

    @property
    def spent(self) -> Spent:
        """What the judge consumed."""
        return self.spending.get(Role.JUDGE, NEVER_ASKED)

    @property
    def usage(self) -> Mapping[str, float | None]:
        """The same as events tell it."""
        return by_role(self.spending).get(Role.JUDGE, {})

    @property
    def scored(self) -> int:
        """How many anchors have a score."""
        return sum(bool(scores) for scores in self.scores.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What became of a check, which is None where too little was scored to say anything, with the reason."""

    answers: Answers
    check: JudgeCheck | None
    reason: str = ""


def check_judge(
    database: Database,
    judge: LanguageModel,
    *,
    model_id: str,
    new_baseline: bool = False,
    turn: Turn | None = None,
    go_on: Callable[[], bool] = lambda: True,
    clock: Callable[[], float] = time.time,
) -> Checked:
    """Ask the judge about all anchors, compare, and store it; the first check is the baseline of those that follow.

    The whole is written at the end. `go_on` is asked before each call, and may take its time; when it says no, or the
    judge refuses to serve, what was paid for is counted, and nothing is compared. A runner's `turn` ends with the
    check, unless that was broken off: then it is the next runner's when this one has left.
    """
    answers = _ask(judge, go_on)
    fingerprint = anchors_fingerprint(model_id)
    before = None if new_baseline else find_baseline(database, fingerprint)
    reason = answers.refusal or _too_little(before, answers)
    check = None
    if not reason:
        compared = drift(before, answers.scores) if before is not None else None
        check = JudgeCheck(
            fingerprint=fingerprint, model_id=model_id, checked_at=clock(), scores=answers.scores, drift=compared
        )
    ends = None if answers.refusal == BROKEN_OFF else turn
    record_check(database, check, outcomes=answers.outcomes, spent=answers.spent, ends=ends)
    return Checked(answers=answers, check=check, reason=reason)


def _ask(judge: LanguageModel, go_on: Callable[[], bool]) -> Answers:
    answers, mark = Answers(), secrets.token_hex(8)
    for anchor, nth in judgings_of_check():
        if not go_on():
            answers.refusal = BROKEN_OFF
        else:
            _ask_about(anchor, judge, answers, key=f"anchor/{mark}/{anchor.id}/{nth}")
        if answers.refusal is not None:
            break
    return answers


def _ask_about(anchor: Anchor, judge: LanguageModel, answers: Answers, *, key: str) -> None:
    try:
        verdict, spent = judged(judge, anchor_call(anchor, key=key))
    except ModelError as error:
        answers.outcomes[error.code] += 1
        answers.spending = add_spending(answers.spending, spent_by(Role.JUDGE, error))
        answers.refusal = error.message if isinstance(error, ProviderError) else None
    else:
        answers.outcomes["ok"] += 1
        answers.spending = add_spending(answers.spending, spent)
        answers.scores[anchor.id].append(verdict.score)


def _too_little(before: Scores | None, answers: Answers) -> str:
    """Return why nothing can be said, nothing if there is enough."""
    if answers.scored < FEWEST:
        failed = ", ".join(f"{count} {code}" for code, count in sorted(answers.outcomes.items()) if code != "ok")
        return f"{answers.scored} of {len(ANCHORS)} anchors were scored, fewer than {FEWEST}: {failed}"
    if before is not None and drift(before, answers.scores) is None:
        return f"fewer than {FEWEST} anchors were scored both now and for the baseline"
    return ""
