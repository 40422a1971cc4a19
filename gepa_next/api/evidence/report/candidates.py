"""The candidates of a report: what each came to, and why those that were not kept were not."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from gepa_next.api.edge.pacing import unhurried
from gepa_next.gepa.types import Candidate, Decision
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_candidates

SHOWN_CANDIDATES = 200
DUPLICATE = "duplicate"  # the guard's reason
_KEPT = frozenset({Decision.SEED, Decision.ACCEPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A candidate without its texts; `score` is its mean on the examples to select by, None if it has none."""

    candidate: Candidate
    score: float | None

    @property
    def kept(self) -> bool:
        """Whether it took part in what came after."""
        return self.candidate.decision in _KEPT

    @property
    def repeats(self) -> bool:
        """Whether it was refused for having been proposed before."""
        return self.candidate.decision is Decision.REFUSED and self.candidate.reason == DUPLICATE

    @property
    def decided_by(self) -> float | None:
        """The score that it was decided by: that of the comparison, else its mean."""
        return self.score if self.candidate.score is None else self.candidate.score

    @property
    def difference(self) -> float | None:
        """How much better than its parent it was on the examples that both were run on."""
        mine, parent = self.candidate.score, self.candidate.parent_score
        return None if mine is None or parent is None else mine - parent


@dataclass(frozen=True)
class Family:
    """All candidates of a job."""

    lines: Sequence[Line]

    @cached_property
    def told(self) -> list[Line]:
        """Those of which there is more to say than that they repeat another."""
        return [each for each in self.lines if not each.repeats]

    @cached_property
    def shown(self) -> list[Line]:
        """As many as a report holds, those that were kept before others, in the order they were made."""
        ranked = sorted(self.told, key=lambda line: (not line.kept, line.candidate.id))
        return sorted(ranked[:SHOWN_CANDIDATES], key=lambda line: line.candidate.id)

    @property
    def ends(self) -> list[tuple[str, str, int]]:
        """How many came to which decision for which reason, the most frequent first."""
        found = Counter((str(each.candidate.decision), each.candidate.reason) for each in self.lines)
        return [(decision, reason, count) for (decision, reason), count in found.most_common()]


def family_of(database: Database, job: Job) -> Family:
    """Return what became of every candidate."""
    found = unhurried(iterate_candidates(database, job.id))
    return Family([Line(candidate=replace(each, text="", prompts={}), score=mean) for each, mean in found])
