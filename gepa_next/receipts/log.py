"""An event log beside the receipt that was made of it."""

import json
from collections.abc import Iterator
from typing import Any

from gepa_next.receipts.check import Check
from gepa_next.receipts.seal import START, link

TERMINAL = frozenset({"finished", "failed", "cancelled"})


class EventLog:
    """Follows the chain over the lines of a log."""

    def __init__(self, receipt: dict[str, Any], kept_head: str | None = None) -> None:  # Any: its JSON
        self._receipt = receipt
        self._kept_head = kept_head
        self._kept_at = 0
        self._head = START
        self._head_then = ""
        self._count = 0
        self._stranger = 0
        self._last: dict[str, Any] = {}

    def read(self, line: bytes) -> None:
        """Take in the next line."""
        text = line.removesuffix(b"\n")
        self._count += 1
        self._head = link(self._head, text)
        if self._head.hex() == self._kept_head:
            self._kept_at = self._count
        if self._count == self._receipt["events"]["count"]:
            self._head_then, self._last = self._head.hex(), _event(text)
        if not self._stranger and not self._belongs(_event(text)):
            self._stranger = self._count

    def _belongs(self, event: dict[str, Any]) -> bool:
        return event.get("id") == self._count and event.get("job_id") == self._receipt["job_id"]

    def checks(self) -> Iterator[Check]:
        """Yield what the whole log shows."""
        yield self._check_of_chain()
        if self._receipt["status"] in TERMINAL:
            yield self._check_of_end()
        if self._kept_head is not None:
            place = f"after event {self._kept_at}" if self._kept_at else "at no place"
            yield Check(bool(self._kept_at), f"the head that was kept: the chain had it {place}")

    def _check_of_chain(self) -> Check:
        count, head = self._receipt["events"]["count"], self._receipt["events"]["head"]
        if self._stranger:
            said = f"the event log: its line {self._stranger} is not event {self._stranger} of job"
            return Check(agrees=False, said=f"{said} {self._receipt['job_id']}")
        if self._count < count:
            return Check(agrees=False, said=f"the event log: it ends after event {self._count} of {count}")
        if (self._head_then or START.hex()) != head:
            said = f"the event log: the text of at least one of {count} events is not what it was"
            return Check(agrees=False, said=said)
        if self._count > count:
            more = self._count - count
            said = f"the event log: the first {count} events agree, and {more} follow that came after the receipt"
            return Check(agrees=False, said=said)
        return Check(agrees=True, said=f"{count} events and the head of their chain")

    def _check_of_end(self) -> Check:
        status, result = self._receipt["status"], self._receipt["result"]
        same = self._last.get("type") == status and (result is None or self._last.get("data") == result)
        return Check(same, f"the last event of the log, and the status {status} with its result")


def _event(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
