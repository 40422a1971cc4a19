"""The service's nouns, as frozen values: what the store returns and the API shows."""

from gepa_next.models.bank import BankExample, content_hash, content_id
from gepa_next.models.jobs import Fork, Job, JobSpec, JobStatus, JobVersion, Judge, Retest, Usage
from gepa_next.models.measures import Counter, JudgeCheck, Process, Shown
from gepa_next.models.pins import PinnedVersion
from gepa_next.models.records import TERMINAL_EVENTS, LedgerCall, StoredEvent, Waiting

__all__ = [
    "TERMINAL_EVENTS",
    "BankExample",
    "Counter",
    "Fork",
    "Job",
    "JobSpec",
    "JobStatus",
    "JobVersion",
    "Judge",
    "JudgeCheck",
    "LedgerCall",
    "PinnedVersion",
    "Process",
    "Retest",
    "Shown",
    "StoredEvent",
    "Usage",
    "Waiting",
    "content_hash",
    "content_id",
]
