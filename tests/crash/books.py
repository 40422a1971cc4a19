"""The books: usage, ledger, counters, events and the requests that were really sent, held against one another."""

import json
from collections import Counter
from collections.abc import Iterator

from gepa_next.models import Counter as ServiceCounter
from gepa_next.models import LedgerCall
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import list_usage
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.telemetry.collector import HELP
from tests.crash.account import is_waiting
from tests.crash.models import Seen

CRASHES_AND_REFUSALS = ("outcome_unknown", "provider_auth")

Sums = dict[tuple[str, str], float]  # by what is summed, and of which role, status or reason


def spent(database: Database) -> Sums:
    """Return what all jobs consumed, by role, without the requests that crashes and refusals cost."""
    found = Counter(sum_of_usage(database))
    for counter in list_counters(database):
        labels = dict(counter.labels)
        if labels.get("outcome") in CRASHES_AND_REFUSALS:
            found["calls", labels["role"]] -= counter.value
    return rounded(found)


def unknown_calls(database: Database) -> int:
    """Return how many calls were begun and, as far as anybody knows, not answered."""
    return sum(call.lost + (call.status == "started") for _, call in ledger(database))


def problems_of_books(database: Database, seen: Seen) -> list[str]:
    """Say what does not add up; nothing if all does."""
    return [
        *differences("usage", sum_of_usage(database), "in the ledger", sum_of_ledger(database)),
        *differences("counters", sum_of_counters(database), "in the jobs", sum_of_jobs(database)),
        *uncounted_requests(database, seen),
        *hidden_losses(database),
    ]


def differences(name: str, sums: Sums, elsewhere: str, others: Sums) -> list[str]:
    return [
        f"{name}: {' '.join(key)} {sums.get(key, 0)}, {elsewhere} {others.get(key, 0)}"
        for key in sorted({*sums, *others})
        if sums.get(key, 0) != others.get(key, 0)
    ]


def uncounted_requests(database: Database, seen: Seen) -> Iterator[str]:
    """Yield each role whose calls were not sent as often as the ledger has it, give or take the unknown ones."""
    calls = [call for _, call in ledger(database)]
    for role, requests in seen.requests.items():
        mine = [call for call in calls if call.role == role]
        known = sum(call.sends for call in mine)
        unknown = sum(call.lost + (call.status == "started") for call in mine)
        if not known <= sum(requests.values()) <= known + unknown:
            yield f"{role}: {sum(requests.values())} requests sent, {known} counted and {unknown} unknown"
        answered = sum(call.sends > 0 for call in mine)
        if not answered <= len(requests) <= len(mine):
            yield f"{role}: {len(requests)} different requests sent, {answered} to {len(mine)} in the ledger"


def hidden_losses(database: Database) -> Iterator[str]:
    """Yield each job whose cost is not unknown for just those roles that lost the outcome of a call."""
    for job_id in job_ids(database):
        lost = {call.role for call in iterate_calls(database, job_id) if call.lost and not call.is_free}
        unknown = {usage.role for usage in list_usage(database, job_id) if usage.cost_usd is None}
        if lost != unknown:
            yield f"{job_id}: calls of {sorted(lost)} were lost, the cost of {sorted(unknown)} is unknown"


def sum_of_usage(database: Database) -> Sums:
    found: Counter[tuple[str, str]] = Counter()
    for job_id in job_ids(database):
        for usage in list_usage(database, job_id):
            found["calls", usage.role] += usage.calls
            found["input", usage.role] += usage.input_tokens
            found["output", usage.role] += usage.output_tokens
            found["cost_usd", usage.role] += usage.known_cost_usd
    return rounded(found)


def sum_of_ledger(database: Database) -> Sums:
    found: Counter[tuple[str, str]] = Counter()
    for _, call in ledger(database):
        found["calls", call.role] += call.sends + call.lost
        found["input", call.role] += call.input_tokens
        found["output", call.role] += call.output_tokens
        found["cost_usd", call.role] += call.cost_usd or 0.0
    return rounded(found)


def sum_of_counters(database: Database) -> Sums:
    found: Counter[tuple[str, str]] = Counter()
    for counter in counters_of_jobs(database):
        labels = dict(counter.labels)
        label = (
            labels.get("direction", counter.name),
            labels.get("role") or labels.get("status") or labels.get("reason", ""),
        )
        found[label] += counter.value
    return rounded(found)


def counters_of_jobs(database: Database) -> list[ServiceCounter]:
    """Return the counters that rise with the rows they count, without what processes measure of themselves."""
    return [each for each in list_counters(database) if each.name in HELP]


def sum_of_jobs(database: Database) -> Sums:
    """Return what the counters must be, from the ledger and the events."""
    names = {"input": "input", "output": "output", "cost_usd": "llm_cost_usd"}
    found = Counter({(names[name], role): n for (name, role), n in sum_of_ledger(database).items() if name in names})
    for _, call in ledger(database):
        found["llm_calls", call.role] += call.attempts - (call.status == "started")
    for job_id in job_ids(database):
        found["jobs", "created"] += 1
        found["rollouts", ""] += get_job(database, job_id).rollouts
        for event in list_events(database, job_id, after=0, limit=100_000):
            found["jobs", event.type] += event.terminal
            found["waits", json.loads(event.data).get("reason", "")] += is_waiting(event)
    return rounded(found)


def rounded(sums: Sums) -> Sums:
    """Return the sums that are not nothing, without the dust of adding up cents."""
    return {key: round(value, 6) for key, value in sums.items() if round(value, 6)}


def ledger(database: Database) -> Iterator[tuple[str, LedgerCall]]:
    for job_id in job_ids(database):
        for call in iterate_calls(database, job_id):
            yield job_id, call


def job_ids(database: Database) -> list[str]:
    return [row["id"] for row in database.rows("SELECT id FROM jobs ORDER BY id")]
