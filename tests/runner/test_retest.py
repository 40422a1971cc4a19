"""A re-test is run as every job is: whoever interrupts it, it ends the same, pays once and tells each loss once."""

import json
import threading

import pytest

from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.simulator import Simulator
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts
from gepa_next.store.ledger import iterate_calls
from tests.runner.running import TIMEOUT_S, ended, running
from tests.store.jobs_on_file import EXAMPLES, insert_retest, pin

CALLS = 4 * len(EXAMPLES)  # two prompts, each run and judged


class Stopping:
    """The simulator, which after so many calls says that it is time to stop."""

    def __init__(self, after: int) -> None:
        self.sent: list[str] = []
        self.stop = threading.Event()
        self._after = after

    def __call__(self, call: ModelCall) -> Completion:
        self.sent.append(call.key)
        if len(self.sent) == self._after:
            self.stop.set()
        return Simulator()(call)


def told(database: Database, job_id: str) -> list[tuple[object, ...]]:
    found = [
        json.loads(each.data) for each in list_events(database, job_id, after=0, limit=999) if each.type == "progress"
    ]
    return [(each["stage"], each.get("candidate_id"), each.get("example_id")) for each in found]


def without_times(job: Job) -> dict[str, object]:
    return {**(job.result or {}), "artifacts": None}


@pytest.mark.parametrize("after", [10, CALLS // 2 + 10, CALLS - 1])
def test_a_drained_re_test_ends_where_an_undisturbed_one_does_and_tells_no_loss_twice(
    database: Database, after: int
) -> None:
    pin(database)
    insert_retest(database, "undisturbed")
    with running(database, Simulator()):
        undisturbed = ended(database, "undisturbed")
    insert_retest(database, "disturbed")
    first, second = Stopping(after), Stopping(0)
    with running(database, first):
        assert first.stop.wait(TIMEOUT_S)
    with running(database, second):
        disturbed = ended(database, "disturbed")
    assert without_times(disturbed) == without_times(undisturbed)
    assert told(database, "disturbed") == told(database, "undisturbed")
    assert sum(stage == "loss" for stage, *_ in told(database, "disturbed")) == len(EXAMPLES)
    for recorded in (iterate_candidates, iterate_rollouts):
        assert list(recorded(database, "disturbed")) == list(recorded(database, "undisturbed"))
    assert sorted([*first.sent, *second.sent]) == sorted(call.key for call in iterate_calls(database, "undisturbed"))
    assert len(first.sent) + len(second.sent) == CALLS
