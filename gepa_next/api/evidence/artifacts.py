"""Artifacts: the records of a job, the receipt over them and the report over that, made anew for whoever asks."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from types import MappingProxyType

from gepa_next.api.edge.pacing import in_chunks
from gepa_next.api.evidence.receipt import receipt
from gepa_next.api.evidence.records import RECORDS, Mark
from gepa_next.api.evidence.report.page import report
from gepa_next.models import Job, JobStatus
from gepa_next.store.database import Database

RECEIPT, REPORT = "receipt.json", "report.html"
ARTIFACTS: Mapping[str, str] = MappingProxyType(
    {
        RECEIPT: "application/json",
        REPORT: "text/html; charset=utf-8",
        **{name: each.content_type for name, each in RECORDS.items()},
    }
)


class Artifacts:
    """Makes artifacts in short turns, for one may be as long as all the outputs of a job.

    Their marks are known by making them. Those of finished jobs are remembered: a job that failed or was cancelled may
    still get an answer to a call.
    """

    def __init__(self, most: int = 1000) -> None:
        self._most = most
        self._known: dict[tuple[str, int], Mapping[str, Mark]] = {}

    def chunks(self, database: Database, job: Job, name: str) -> Iterator[bytes]:
        """Yield one artifact."""
        if name in RECORDS:
            return in_chunks(RECORDS[name].pieces(database, job))
        marks = self._marks_of_records(database, job)
        if name == RECEIPT:
            return in_chunks(receipt(database, job, marks))
        return in_chunks(report(database, job, self._mark_of_receipt(database, job, marks)))

    def marks(self, database: Database, job: Job) -> Mapping[str, Mark]:
        """Return the size and hash of every artifact."""
        known = self._known.get(_version(job), {})
        if REPORT in known:
            return known
        marks = self._marks_of_records(database, job)
        sealed = self._mark_of_receipt(database, job, marks)
        told = _mark(in_chunks(report(database, job, sealed)))
        return self._remember(job, {**marks, RECEIPT: sealed, REPORT: told})

    def _mark_of_receipt(self, database: Database, job: Job, marks: Mapping[str, Mark]) -> Mark:
        known = self._known.get(_version(job), {})
        return known.get(RECEIPT) or _mark(in_chunks(receipt(database, job, marks)))

    def _marks_of_records(self, database: Database, job: Job) -> Mapping[str, Mark]:
        if (known := self._known.get(_version(job))) is not None:
            return {name: known[name] for name in RECORDS}
        return self._remember(job, {name: _mark(self.chunks(database, job, name)) for name in RECORDS})

    def _remember(self, job: Job, marks: Mapping[str, Mark]) -> Mapping[str, Mark]:
        if job.status is JobStatus.FINISHED:
            self._known[_version(job)] = marks
            if len(self._known) > self._most:
                del self._known[next(iter(self._known))]
        return marks


def _version(job: Job) -> tuple[str, int]:
    return job.id, job.last_event_id


def _mark(chunks: Iterator[bytes]) -> Mark:
    size, digest = 0, sha256()
    for chunk in chunks:
        size += len(chunk)
        digest.update(chunk)
    return Mark(bytes=size, sha256=digest.hexdigest())
