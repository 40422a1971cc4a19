"""What a scraper reads: the counters of all processes, the gauges of those that live, and the state of the store."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gepa_next.models import Counter
from gepa_next.telemetry.meter import RISING

HELP = {
    "jobs": "Jobs by what happened to them.",
    "rollouts": "Rollouts made: one candidate on one example.",
    "llm_calls": "Model calls with an outcome, by role and outcome.",
    "llm_tokens": "Tokens by role and direction.",
    "llm_cost_usd": "Known cost of model calls in USD, by role.",
    "waits": "Times that a job could do nothing for a while, by reason.",
}
LABELS = {"jobs": ["status"], "llm_calls": ["role", "outcome"], "llm_tokens": ["role", "direction"],
          "llm_cost_usd": ["role"], "waits": ["reason"]}  # fmt: skip
VITALS = {
    "jobs_running": "Jobs running now.",
    "jobs_queued": "Jobs that wait for a runner.",
    "jobs_oldest_queued_seconds": "How long the job that waits longest has waited, 0 if none does.",
    "runners_alive": "Runners that can claim jobs and write.",
    "database_bytes": "Size of the database file.",
    "database_wal_bytes": "Size of the write-ahead log beside it.",
    "disk_free_bytes": "Room beside the database.",
    "store_unwritable_seconds": "How long the process asked has been unable to write to the database, 0 if it can.",
    "tailer_last_look_seconds": "How long ago the process asked last read events for its streams, 0 before the first.",
    "judge_noise": "How much this judge's scores of one output vary, as last measured: a standard deviation.",
    "judge_shift": "How much more the judge gave the anchors at the last check than for the baseline.",
    "judge_moved": "1 if that is more than the judge varies, else 0.",
}
JOB_ENDS = ("created", "finished", "failed", "cancelled")
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}
PREFIX = "gepa_"


class ServiceCollector(Collector):
    """Reads everything at scrape, this process's news included once `flush` has told them.

    `counters` are rows, `vitals` and `shown` gauges by name; `measures` says what the instruments are called. `first`
    are series that are there before anything is counted: a rate does not see what a series had risen by when it came.
    """

    def __init__(
        self,
        measures: CollectorRegistry,
        *,
        flush: Callable[[], None],
        counters: Callable[[], Sequence[Counter]],
        first: Sequence[Counter],
        vitals: Callable[[], Mapping[str, float]],
        shown: Callable[[], Mapping[str, float]],
    ) -> None:
        self._measures = measures
        self._flush = flush
        self._counters = counters
        self._first = {(each.name, each.labels): each for each in first}
        self._vitals = vitals
        self._shown = shown

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family of the service, those without a sample too, letting others run in between."""
        self._flush()
        time.sleep(0)
        counted: defaultdict[str, list[Counter]] = defaultdict(list)
        found = {(each.name, each.labels): each for each in self._counters()}
        for counter in (self._first | found).values():
            counted[counter.name].append(counter)
        time.sleep(0)
        for name in HELP:
            yield _family(name, counted[name])
        for family in self._measured(counted):
            yield family
            time.sleep(0)
        vitals = self._vitals()
        for name, text in VITALS.items():
            yield _gauge(f"{PREFIX}{name}", text, vitals.get(name))

    def flat(self) -> dict[str, float]:
        """Return the same numbers by name, its labels joined to it; of histograms count and sum."""
        self._flush()
        found = {f"jobs_{end}": 0.0 for end in JOB_ENDS}
        for counter in self._counters():
            if not counter.name.endswith("_bucket"):
                name = counter.name.removesuffix("_total")
                found[_flat("_".join([name, *(value for _, value in counter.labels)]))] = counter.value
        return found | {_flat(name): value for name, value in self._shown().items()} | dict(self._vitals())

    def _measured(self, counted: Mapping[str, Sequence[Counter]]) -> Iterator[Metric]:
        shown = self._shown()
        for known in self._measures.collect():
            if known.name in shown:
                yield _gauge(known.name, known.documentation, shown[known.name])
            elif known.type in RISING:
                yield _summed(known, counted)


def _flat(name: str) -> str:
    return name.removeprefix(PREFIX)


def _family(name: str, counters: Sequence[Counter]) -> Metric:
    names = LABELS.get(name, [])
    family = CounterMetricFamily(f"{PREFIX}{name}", HELP[name], labels=names)
    for counter in counters:
        labels = dict(counter.labels)
        family.add_metric([labels.get(label, "") for label in names], counter.value)
    return family


def _summed(known: Metric, counted: Mapping[str, Sequence[Counter]]) -> Metric:
    """Return the instrument's family with the numbers of all processes."""
    family = Metric(known.name, known.documentation, known.type)
    for suffix in SUFFIXES[known.type]:
        for counter in sorted(counted.get(f"{known.name}{suffix}", ()), key=_place):
            family.add_sample(f"{known.name}{suffix}", dict(counter.labels), counter.value)
    return family


def _place(counter: Counter) -> tuple[list[tuple[str, str]], float]:
    """Return what orders series: their labels, and buckets by their limits."""
    others = [(name, value) for name, value in counter.labels if name != "le"]
    return others, float(dict(counter.labels).get("le", 0))


def _gauge(name: str, text: str, value: float | None) -> Metric:
    gauge = GaugeMetricFamily(name, text)
    if value is not None:
        gauge.add_metric([], value)
    return gauge
