"""The scenarios of CI: every kind of commit with a kill before and after it, and every course disturbed."""

from dataclasses import dataclass

from tests.crash.courses import Faults


@dataclass(frozen=True, slots=True)
class Scenario:
    """A course and what strikes on it."""

    course: str
    faults: Faults

    def __str__(self) -> str:
        return f"{self.course}-{'-'.join(sorted(self.kinds))}"

    @property
    def all_faults(self) -> tuple[str, ...]:
        return (*self.faults.runners, *self.faults.servers, *self.faults.later)

    @property
    def kinds(self) -> set[str]:
        return {fault.partition(":")[0] for fault in self.all_faults}


def around(kind: str, nth: int = 1, *, then: int = 1) -> tuple[str, str]:
    """Return a kill before the nth commit of a kind, and one after another, counted from the restart."""
    return f"{kind}:{nth}:before:kill", f"{kind}:{then}:after:kill"


SCENARIOS = (
    Scenario("iterations", Faults(runners=(*around("register_runner"), *around("beat"), *around("claim_job")))),
    Scenario("iterations", Faults(runners=("end_call:20:after:kill", *around("retire_runner")))),
    Scenario("iterations", Faults(runners=(*around("decide_once", 5, then=2), *around("finish_job")))),
    Scenario("iterations", Faults(runners=("record_step:3:before:kill", "record_step:1:after:kill"))),  # the noise
    Scenario("max_calls", Faults(runners=around("begin_call", 30, then=20))),
    Scenario("max_rollouts", Faults(runners=around("end_call", 50, then=20))),
    Scenario("max_tokens", Faults(runners=around("record_step", 12, then=4))),
    Scenario("max_cost_usd", Faults(runners=("end_call:30:before:kill", "record_step:3:after:kill"))),
    Scenario("posted", Faults(servers=around("insert_job"))),
    Scenario("crowded", Faults(servers=("insert_job:5:before:kill", "cancel_job:4:before:kill"))),
    Scenario("stopped", Faults(servers=around("stop_job"), later=("decide_once:1:after:kill",))),
    Scenario("cancelled", Faults(runners=("begin_call:60:after:kill",), servers=around("cancel_job"))),
    Scenario(
        "failed",
        Faults(runners=around("fail_job"), servers=around("resume_job"), later=("end_call:9:after:kill",)),
    ),
    Scenario("gone_on", Faults(servers=around("resume_job"), later=("record_step:3:before:kill",))),
    Scenario("drained", Faults(runners=around("retire_runner", then=2))),
    Scenario("waiting", Faults(runners=around("record_waiting"))),
    Scenario("released", Faults(runners=around("release_job"))),
    Scenario("cached", Faults(runners=around("end_call", 60, then=40))),
    Scenario("program", Faults(runners=(*around("end_call", 40, then=20), *around("record_step", 5, then=4)))),
    Scenario("banked", Faults(servers=around("upsert_examples"), later=around("delete_example"))),
    Scenario("retested", Faults(runners=("end_call:60:after:kill", *around("record_step", 8, then=10)))),
    Scenario(
        "forked", Faults(servers=around("insert_job"), later=("end_call:25:after:kill", *around("record_step", 3)))
    ),
    Scenario("pinned", Faults(servers=around("pin_version"), later=around("activate_version"))),
    Scenario("unpinned", Faults(servers=around("delete_versions"))),
    Scenario("logged_out", Faults(servers=around("end_session"))),
    Scenario("started", Faults(servers=around("probe_write"))),
    Scenario("migrated", Faults(runners=around("migrate", 7))),
    Scenario("migrated_by_two", Faults(runners=("migrate:7:before:stop",))),
    Scenario("pruned", Faults(runners=(*around("_hide_job"), *around("_delete_some", 2), *around("_delete_job")))),
    Scenario("judged", Faults(runners=around("record_check"))),
    Scenario("watched", Faults(runners=(*around("begin_check"), *around("record_check")))),
    Scenario("measured", Faults(runners=(*around("record_measured"), *around("forget_shown")))),
)
# What `make crash` has beside them.
LONGER = (
    Scenario("max_tokens", Faults(runners=("begin_call:30:before:kill", "end_call:30:after:kill"))),
    Scenario("stopped", Faults(runners=("end_call:30:after:kill",), later=("finish_job:1:before:kill",))),
    Scenario("failed", Faults(runners=("record_step:5:before:kill",), later=("begin_call:9:before:kill",))),
)
