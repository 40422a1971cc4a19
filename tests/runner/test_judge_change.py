"""A job is scored by one judge from its first rollout to its last."""

from gepa_next.gepa.types import Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import Job
from gepa_next.runner.ledger import RoleModel
from gepa_next.store.database import Database
from gepa_next.store.ledger import iterate_calls
from tests.runner.running import ended, running
from tests.store.jobs_on_file import insert

OTHERS = {role: RoleModel(model_id=f"other/{role}", ask=Simulator()) for role in Role}


def run_under_another_judge(database: Database) -> Job:
    with running(database, Simulator(), lambda *_: OTHERS):
        return ended(database)


def test_a_job_fails_before_its_first_call_when_the_judge_is_another(database: Database) -> None:
    insert(database)
    job = run_under_another_judge(database)
    assert (job.status, job.error_code, list(iterate_calls(database, job.id))) == ("failed", "judge_changed", [])
    assert "JUDGE_MODEL_ID=sim/judge" in (job.error_message or "")


def test_a_job_fails_when_the_judge_is_asked_otherwise(database: Database) -> None:
    insert(database)
    database.write(lambda db: db.execute("UPDATE jobs SET judge_fingerprint = 'of another version'"))
    with running(database, Simulator()):
        job = ended(database)
    assert (job.status, job.error_code) == ("failed", "judge_changed")
    assert "the version of gepa-next" in (job.error_message or "")


def test_a_job_without_a_judge_does_not_mind(database: Database) -> None:
    insert(database, metric="exact_match", iterations=1)
    assert run_under_another_judge(database).status == "finished"
