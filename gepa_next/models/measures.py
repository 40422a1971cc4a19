"""What is counted and watched over all jobs: counters, gauges of processes, checks of the judge."""

from dataclasses import dataclass

from gepa_next.gepa.drift import Drift, Scores


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeCheck:
    """What a judge gave the anchors at one time: `drift` compares it with the baseline, None if it is one itself.

    `moved_since` is when it was first seen to have moved, None while it has not.
    """

    fingerprint: str
    model_id: str
    checked_at: float
    scores: Scores
    drift: Drift | None
    moved_since: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A number that only rises, kept with the rows it counts."""

    name: str
    labels: tuple[tuple[str, str], ...]
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A process of this machine, told from a later one of the same pid by its start, in clock ticks since the boot."""

    pid: int
    pid_started_at: int
    boot_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A gauge as one process last showed it."""

    process: Process
    name: str
    value: float
