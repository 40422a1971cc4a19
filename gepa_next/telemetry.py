"""Prometheus: counters that live in the database, gauges of this process, and HTTP metrics by route."""

from collections.abc import Callable, Iterator, Sequence

from flask import Flask
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_flask_exporter import PrometheusMetrics

from gepa_next.models import Counter, JudgeCheck

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
JUDGED = {
    "judge_shift": "How much more the judge gave the anchors at the last check than for the baseline.",
    "judge_moved": "1 if that is more than the judge varies, else 0.",
}
JOB_ENDS = ("created", "finished", "failed", "cancelled")


class ServiceCollector(Collector):
    """Reads the counters at scrape; they are rows, so they survive restarts and count over all processes."""

    def __init__(
        self,
        counters: Callable[[], Sequence[Counter]],
        running: Callable[[], int],
        clients: Callable[[], int],
        judge: Callable[[], JudgeCheck | None],
    ) -> None:
        self._counters = counters
        self._running = running
        self._clients = clients
        self._judge = judge

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family of the service."""
        families = {
            name: CounterMetricFamily(f"gepa_{name}", text, labels=LABELS.get(name, [])) for name, text in HELP.items()
        }
        for counter in self._counters():
            if counter.name in families:
                labels = dict(counter.labels)
                values = [labels.get(label, "") for label in LABELS.get(counter.name, [])]
                families[counter.name].add_metric(values, counter.value)
        yield from families.values()
        running = GaugeMetricFamily("gepa_jobs_running", "Jobs running now.")
        running.add_metric([], self._running())
        yield running
        clients = GaugeMetricFamily("sse_clients", "Event streams open in this process.")
        clients.add_metric([], self._clients())
        yield clients
        for name, value in self._judged().items():
            gauge = GaugeMetricFamily(f"gepa_{name}", JUDGED[name])
            gauge.add_metric([], value)
            yield gauge

    def flat(self) -> dict[str, float]:
        """Return the same numbers by name; labels are joined to it."""
        found = {f"jobs_{end}": 0.0 for end in JOB_ENDS}
        for counter in self._counters():
            found["_".join([counter.name, *(value for _, value in counter.labels)])] = counter.value
        return found | {"jobs_running": float(self._running()), "sse_clients": float(self._clients())} | self._judged()

    def _judged(self) -> dict[str, float]:
        """Return what the last check of the judge showed, nothing before the first."""
        if (check := self._judge()) is None:
            return {}
        shift, moved = (check.drift.shift, check.drift.moved) if check.drift else (0.0, False)
        return {"judge_shift": shift, "judge_moved": float(moved)}


def register_telemetry(app: Flask, collector: ServiceCollector) -> CollectorRegistry:
    """Measure every request of the application by route, and return the registry to scrape."""
    registry = CollectorRegistry()
    registry.register(collector)
    PrometheusMetrics(app, path=None, registry=registry, group_by="url_rule")
    return registry
