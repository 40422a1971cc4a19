"""The instruments of one process, read by its Meter."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

WRITE_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
DELAY_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Measures:
    """What a process counts and shows besides its rows; `process` is its kind, `web` or `runner`."""

    def __init__(self, process: str) -> None:
        self.registry = registry = CollectorRegistry()
        self._writes = Histogram(
            "gepa_store_write_seconds",
            "From when a group of writes begins until it is on the disk, with the wait for other processes.",
            ["process"],
            buckets=WRITE_BUCKETS_S,
            registry=registry,
        ).labels(process)
        self._delays = Histogram(
            "gepa_stream_delay_seconds",
            "From when an event happens until it is handed to the streams of a web process.",
            buckets=DELAY_BUCKETS_S,
            registry=registry,
        )
        self._fallen_behind = Counter(
            "gepa_streams_fallen_behind",
            "Times that a stream was too slow and read on in the store.",
            registry=registry,
        )
        self._retries = Counter(
            "gepa_llm_retries",
            "Requests to models sent again, by role and fault.",
            ["role", "fault"],
            registry=registry,
        )
        self.clients = Gauge("sse_clients", "Event streams open now.", registry=registry)
        self.token_file_unusable = Gauge(
            "gepa_token_file_unusable",
            "Web processes that cannot use API_TOKENS_FILE: what it said before holds.",
            registry=registry,
        )
        self.calls_running = Gauge("gepa_llm_calls_running", "Model calls begun and not ended yet.", registry=registry)

    def note_write(self, seconds: float) -> None:
        """Note how long a commit took."""
        self._writes.observe(seconds)

    def note_delay(self, seconds: float) -> None:
        """Note how long an event was on its way to the streams; a clock that was set back counts as no time."""
        self._delays.observe(max(0.0, seconds))

    def note_fallen_behind(self) -> None:
        """Note that a stream lost its queue."""
        self._fallen_behind.inc()

    def note_retry(self, role: str, fault: str) -> None:
        """Note that a request to a model is sent again."""
        self._retries.labels(role, fault).inc()
