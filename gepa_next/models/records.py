"""What is recorded of a job as it runs: the events of its log, the calls in its ledger."""

from dataclasses import dataclass

from gepa_next.gepa.types import Role

TERMINAL_EVENTS = frozenset({"finished", "failed", "cancelled"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One event of a job's log; `id` counts 1, 2, 3 … per job, `sequence` over all jobs."""

    sequence: int
    job_id: str
    id: int
    type: str
    ts: float
    data: str  # one line of JSON, as it was committed

    @property
    def terminal(self) -> bool:
        """Whether a stream may end here."""
        return self.type in TERMINAL_EVENTS


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCall:
    """One model call in the ledger: intent first, outcome after.

    `attempts` counts how often it was begun, `lost` those of them whose outcome never came to be known.
    Calls with one `question` are answered by one answer: all but the first to be asked are `cached`.
    `cost_usd` is None if an answer came without, and tells nothing of the `doubtful` requests nor of those lost,
    unless the call is free.
    """

    key: str
    role: Role
    model_id: str
    request_sha256: str
    question: str | None = None
    attempts: int
    lost: int = 0
    status: str  # started, done, cached, failed or refused
    text: str | None = None
    finish_reason: str | None = None
    flags: tuple[str, ...] = ()
    error_code: str | None = None
    error_message: str | None = None
    sends: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = None
    doubtful: int = 0
    is_free: bool = False
    latency_s: float | None = None

    @property
    def perhaps_paid(self) -> int:
        """How many requests may have been paid at a price that nobody knows."""
        return self.doubtful + (0 if self.is_free else self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """Why a job cannot go on just now, and of an endpoint's trouble where it is and whom it plays.

    `error` is why it cannot be reached, in the system's words, `patience_s` how long it is given yet.
    """

    reason: str
    roles: tuple[Role, ...] = ()
    endpoint: str = ""
    error: str = ""
    patience_s: float | None = None
