"""The meter of one process: adds what it measures to what all processes have counted."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry

from gepa_next.models import Counter
from gepa_next.turns import Turn

FLUSH_S = 2.0
RISING = frozenset({"counter", "histogram"})
Series = tuple[str, tuple[tuple[str, str], ...]]
Tell = Callable[[Sequence[Counter], Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What the instruments show at one time: what only rises, by series, and gauges by name."""

    risen: Mapping[Series, float]
    shown: Mapping[str, float]


def read(registry: CollectorRegistry) -> Reading:
    """Return what the registry's counters, histograms and gauges without labels show."""
    risen: dict[Series, float] = {}
    shown: dict[str, float] = {}
    for family in registry.collect():
        for sample in family.samples:
            if family.type in RISING and not sample.name.endswith("_created"):
                risen[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
            elif family.type == "gauge" and not sample.labels:
                shown[sample.name] = sample.value
    return Reading(risen, shown)


class Meter:
    """Has `tell` add to the common counters what is new, and replace this process's gauges; it must measure nothing.

    Flush it to have that done now, or start it after forking to have it done every FLUSH_S; then stop it.
    """

    def __init__(self, registry: CollectorRegistry, tell: Tell) -> None:
        self._registry = registry
        self._tell = tell
        self._lock = threading.Lock()
        self._told = Reading({}, {})
        self._shown: Mapping[str, float] = {}
        self._stopped = threading.Event()

    def start(self) -> None:
        """Flush now and again from a thread."""
        threading.Thread(target=self._run, name="meter", daemon=True).start()

    def stop(self) -> None:
        """Flush no more by itself."""
        self._stopped.set()

    def flush(self) -> None:
        """Tell what has changed; what `tell` raises is raised, and the same is told the next time."""
        with self._lock:
            now = read(self._registry)
            self._shown = now.shown
            if now != self._told:
                self._tell(self._news(now), now.shown)
                self._told = now

    @property
    def shown(self) -> Mapping[str, float]:
        """What the gauges showed at the last flush, whether it could be told or not."""
        return self._shown

    def _news(self, now: Reading) -> list[Counter]:
        """Return by how much each series has risen; a new one also if by nothing, for it to be seen."""
        told = self._told.risen
        return [
            Counter(name=name, labels=labels, value=value - told.get((name, labels), 0.0))
            for (name, labels), value in now.risen.items()
            if value != told.get((name, labels))
        ]

    def _run(self) -> None:
        flush = Turn("what is measured cannot be written", self.flush)
        while not self._stopped.wait(FLUSH_S):
            flush()
