"""The score curve of a report: a dot for each candidate that was scored, and a line for the best so far."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, floor

from gepa_next.api.edge.pacing import unhurried
from gepa_next.api.evidence.report.candidates import Family, Line
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.events import iterate_events

WIDTH, HEIGHT = 720, 280
LEFT, RIGHT, TOP, BOTTOM = 44, 12, 12, 34
MOST_DOTS = 1000
MOST_TICKS = 10
SPREAD = 0.6  # of the room of an iteration, for its candidates to the left of its step
_MARGIN = 0.03
_STAGE = '"stage":"iteration"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """A candidate on the curve, in units of the drawing."""

    x: float
    y: float
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A value on an axis and where it is, in units of the drawing."""

    at: float
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What is drawn; `scored` candidates could be, of which those that were kept come before others."""

    dots: Sequence[Dot]
    scored: int
    best: str
    across: Sequence[Tick]
    up: Sequence[Tick]


@dataclass(frozen=True, slots=True)
class _Step:
    iteration: int
    score: float
    candidate_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    last: int
    low: float
    high: float

    def x(self, iteration: float) -> float:
        return round(LEFT + iteration / (self.last + 0.5) * (WIDTH - LEFT - RIGHT), 1)

    def y(self, score: float) -> float:
        room = HEIGHT - TOP - BOTTOM
        return round(TOP + room - (score - self.low) / (self.high - self.low) * room, 1)


def curve_of(database: Database, job: Job, family: Family) -> Curve | None:
    """Return the curve, None where fewer than two candidates have a score."""
    scored = [each for each in family.lines if each.decided_by is not None]
    if len(scored) < 2:  # noqa: PLR2004 - one dot is no curve
        return None
    best = _best_so_far(database, job)
    scale = _scale(scored, best)
    won = {each.candidate_id for each in best}
    drawn = sorted(scored, key=lambda line: (not line.kept, line.candidate.id))[:MOST_DOTS]
    return Curve(
        dots=_dots(drawn, scale, won)[::-1],  # the later of two is drawn above the other
        scored=len(scored),
        best=_steps([(scale.x(each.iteration), scale.y(each.score)) for each in best], scale),
        across=[Tick(at=scale.x(each), value=each) for each in _iterations(scale.last)],
        up=[Tick(at=scale.y(tenth / 10), value=tenth / 10) for tenth in _tenths(scale)],
    )


def _best_so_far(database: Database, job: Job) -> list[_Step]:
    """Return which was best by the end of each iteration, as the job told it, the seed prompt first."""
    found = [] if job.seed_score is None else [_Step(0, job.seed_score, 0)]
    for event in unhurried(iterate_events(database, job.id, upto=job.last_event_id)):
        if _STAGE in event.data:
            data = json.loads(event.data)
            if data["best_score"] is not None:
                found.append(_Step(data["iteration"], data["best_score"], data["best_candidate_id"]))
    return found


def _scale(scored: Sequence[Line], best: Sequence[_Step]) -> _Scale:
    scores = [each.decided_by or 0.0 for each in scored] + [each.score for each in best]
    low = max(0.0, floor((min(scores) - _MARGIN) * 10) / 10)
    high = min(1.0, ceil((max(scores) + _MARGIN) * 10) / 10)
    last = max([each.candidate.iteration for each in scored] + [each.iteration for each in best])
    return _Scale(last=max(1, last), low=low, high=max(high, low + 0.1))


def _dots(drawn: Sequence[Line], scale: _Scale, won: Collection[int]) -> list[Dot]:
    """Return the dots: on the step of its iteration one that became the best, the others to the left of it."""
    found = []
    together: dict[int, list[Line]] = {}
    for each in drawn:
        together.setdefault(each.candidate.iteration, []).append(each)
    for iteration, lines in together.items():
        for place, each in enumerate(sorted(lines, key=lambda line: line.candidate.id in won), 1):
            aside = (place / len(lines) - 1) * SPREAD if iteration else 0.0
            found.append(Dot(x=scale.x(iteration + aside), y=scale.y(each.decided_by or 0.0), line=each))
    return found


def _steps(points: Sequence[tuple[float, float]], scale: _Scale) -> str:
    """Return the path of a line that stays where it is until the next point."""
    if not points:
        return ""
    (x, y), *others = points
    return f"M{x} {y}" + "".join(f"H{x}V{y}" for x, y in others) + f"H{scale.x(scale.last + 0.5)}"


def _iterations(last: int) -> range:
    return range(0, last + 1, max(1, ceil(last / MOST_TICKS)))


def _tenths(scale: _Scale) -> range:
    low, high = round(scale.low * 10), round(scale.high * 10)
    step = 2 if high - low > 5 else 1  # noqa: PLR2004 - more lines are in the way
    return range(low + low % step, high + 1, step)
