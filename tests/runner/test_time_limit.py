from gepa_next.gepa.types import Budget
from gepa_next.llm.simulator import Simulator
from gepa_next.store.database import Database
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner, retire_runner
from tests.runner.running import ended, running
from tests.store.jobs_on_file import insert

ONE = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")


def test_the_time_that_no_runner_had_the_job_does_not_count_towards_its_limit(database: Database) -> None:
    insert(database, budget=Budget(max_rollouts=500, max_seconds=600.0))
    register_runner(database, ONE, now=1.0, monotonic=0.0)
    claim_job(database, ONE, now=2.0)
    retire_runner(database, ONE.id)
    with running(database, Simulator()):  # on the real clock, decades later
        assert ended(database).stop_reason == "iterations"
