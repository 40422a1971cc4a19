"""Score in another process: what takes much computing there does not hold up the box."""

from dataclasses import dataclass

from gepa_next.elsewhere import Elsewhere, NotDone
from gepa_next.errors import ModelError
from gepa_next.gepa.ports import Metric
from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import unscorable

LASTS_S = 60.0
WORTH_SENDING = 10_000  # characters of an output: what is shorter is computed sooner than sent


@dataclass(frozen=True, slots=True)
class RemoteMetric:
    """A metric that scores long outputs elsewhere, and here when nothing comes of that: it says the same anywhere."""

    metric: Metric
    elsewhere: Elsewhere

    def __call__(self, example: Example, output: str, /) -> Verdict:
        """Return what the metric says of the output."""
        if len(output) < WORTH_SENDING:
            return self.metric(example, output)
        try:
            said = self.elsewhere(score_there, self.metric, example, output, lasts_s=LASTS_S).result
        except NotDone:
            return self.metric(example, output)
        if isinstance(said, Unscorable):
            raise unscorable(said.code, said.message)
        return said


@dataclass(frozen=True, slots=True)
class Unscorable:
    """Why there is no score, in a form that travels."""

    code: str
    message: str


def score_there(metric: Metric, example: Example, output: str) -> Verdict | Unscorable:
    """Score in this process, and return what can travel back."""
    try:
        return metric(example, output)
    except ModelError as error:
        return Unscorable(error.code, error.message)
