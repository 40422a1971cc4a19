"""Outages: when failures say that a model is down, and not that a prompt is bad."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gepa_next.errors import ProviderError
from gepa_next.gepa.proposers.draft import WORDLESS
from gepa_next.gepa.state import REMEMBERED, State
from gepa_next.gepa.types import Decision, Rollout

IN_A_ROW = 10  # failed rollouts are an outage, and so are as many if they are more than half of the
LATEST = 50  # rollouts: among fewer, chance would at times make an outage of one failure in three
FEWEST_UNREADABLE = 5
MOST_UNREADABLE = 0.1  # of the outputs that went to the judge
REFLECTIONS_IN_VAIN = 5  # in a row

# Failures that come of what a model was sent, or of what it answered: a candidate may be the cause of them.
ANSWERED = frozenset(
    {
        "empty",
        "refused",
        "context_length",
        "answer_too_large",
        "truncated",
        "malformed_reply",
        "too_complex",
        "bad_score",
    }
)
UNREADABLE = frozenset({"judge_malformed_reply", "judge_truncated", "judge_empty"})

NOTHING_TO_ADD = "nothing_to_add"  # an answer of the reflector, though no text
_NOT_TELLING = frozenset({"not_comparable", NOTHING_TO_ADD})
_SAY_NOTHING_OF_THE_REFLECTOR = WORDLESS | {"seed"}


def find_outage(state: State, made: Sequence[Rollout]) -> ProviderError | None:
    """Return the error that ends the job, None while what was made last is such as working models give."""
    news = [each for each in made if not state.failures.has_shown(each)]
    if all(each.score is not None for each in news):  # whatever was before: a resumed job must get a chance
        return None
    recent = [*state.recent, *news][-REMEMBERED:]
    return _unreadable_judge(recent) or _too_many_errors(recent)


@dataclass(frozen=True, slots=True)
class MostCommon:
    """The code that most of some failed rollouts have, how many, and what the last of them said."""

    code: str
    times: int
    said: str


def most_common_failure(failed: Sequence[Rollout]) -> MostCommon:
    """Return what most of the failed rollouts, of which there is one at least, have come to."""
    [(code, times)] = Counter(each.error for each in failed).most_common(1)
    said = next(each.feedback for each in reversed(failed) if each.error == code)
    return MostCommon(code or "no_score", times, said)


def is_hopeless(made: Sequence[Rollout]) -> bool:
    """Say whether a batch has come to so many failures in a row that its rest had better not be bought."""
    return len(made) >= IN_A_ROW and all(each.score is None for each in made[-IN_A_ROW:])


@dataclass(frozen=True, slots=True)
class Reflections:
    """What is known of the reflector: how many reflections in a row were `in_vain`, and if the latest gave a text."""

    in_vain: int = 0
    works: bool = False

    @property
    def at_once(self) -> int | None:
        """How many may be begun before one of them is back; None is no limit."""
        return None if self.works else max(1, REFLECTIONS_IN_VAIN - self.in_vain)

    def and_then(self, operator: str, refusal: str | None) -> "Reflections":
        """Return what is known after one more proposal and its refusal, if any."""
        if is_in_vain(refusal):
            return Reflections(self.in_vain + 1)
        tells_nothing = refusal in _NOT_TELLING or operator in _SAY_NOTHING_OF_THE_REFLECTOR
        return self if tells_nothing else Reflections(works=True)


def reflections_so_far(state: State) -> Reflections:
    """Return what the run's proposals tell of the reflector, from the last that shows it working on."""
    late: list[tuple[str, str | None]] = []
    for candidate_id in range(state.last_id, -1, -1):
        candidate = state.candidates[candidate_id]
        refusal = candidate.reason if candidate.decision is Decision.REFUSED else None
        late.append((candidate.operator, refusal))
        if Reflections().and_then(candidate.operator, refusal).works:
            break
    known = Reflections()
    for operator, refusal in reversed(late):
        known = known.and_then(operator, refusal)
    return known


def is_in_vain(refusal: str | None) -> bool:
    """Say whether a proposal was refused because the reflector gave no text."""
    return refusal is not None and (refusal == "empty" or refusal.startswith("reflector_"))


def reflector_outage(reason: str, detail: str) -> ProviderError:
    """Return the error for a reflector that has failed too often in a row, the last time for this reason."""
    return _ending(
        "reflector_failed",
        f"the reflector gave nothing usable {REFLECTIONS_IN_VAIN} times in a row, the last time {reason}: {detail}",
        "Mend the reflector, or have the server use another model for it",
    )


def _unreadable_judge(recent: Sequence[Rollout]) -> ProviderError | None:
    judged = [each for each in recent if each.score is not None or (each.error or "").startswith("judge_")]
    unread = [each for each in judged if each.error in UNREADABLE]
    count = len(unread) - _of_one_candidate(unread)
    if count < FEWEST_UNREADABLE or count <= MOST_UNREADABLE * len(judged):
        return None
    return _ending(
        "judge_unreadable",
        f"the judge gave {len(unread)} of the last {len(judged)} outputs no score that can be read, the last time"
        f" {unread[-1].error}: {unread[-1].feedback}",
        "Have the judge answer in JSON again",
    )


def _of_one_candidate(unread: Sequence[Rollout]) -> int:
    """Return how many are of the candidate that has most: what confuses the judge may be its outputs."""
    by_candidate = Counter(each.candidate_id for each in unread if each.candidate_id)
    return max(by_candidate.values(), default=0)


def _too_many_errors(recent: Sequence[Rollout]) -> ProviderError | None:
    telling = [each for each in recent if not _is_own_doing(each)]
    for latest in (telling[-IN_A_ROW:], telling[-LATEST:]):
        failed = [each for each in latest if each.score is None]
        if len(failed) >= IN_A_ROW and 2 * len(failed) > len(latest):
            return _failures(failed, among=len(latest))
    return None


def _failures(failed: Sequence[Rollout], *, among: int) -> ProviderError:
    most = most_common_failure(failed)
    what = f"{len(failed)} of the last {among} rollouts failed, {most.times} of them {most.code}: {most.said}"
    return _ending("too_many_errors", what, "Put that right")


def _is_own_doing(rollout: Rollout) -> bool:
    """Say whether the candidate may be at fault; the seed prompt is what the user has, and never is."""
    return bool(rollout.candidate_id) and (rollout.error or "").removeprefix("judge_") in ANSWERED


def _ending(code: str, what: str, advice: str) -> ProviderError:
    message = f"{what.rstrip('.')}. {advice}, then resume the job: what it has is kept, and what failed is asked again."
    return ProviderError(code, message, sends=0, cost_usd=0.0)
