"""The judge's noise is measured by answers of its own, which are kept like all others, and shown with the job."""

from collections.abc import Callable
from dataclasses import replace

from gepa_next.gepa.noise import ANCHORS, REPEATS
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.structured import read_reply
from gepa_next.models import Job, LedgerCall
from gepa_next.runner.replay import replay
from gepa_next.store.database import Database
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.states import load_state
from tests.runner.running import ended, running
from tests.store.jobs_on_file import insert

MEASURED = ANCHORS * REPEATS


def moody() -> Callable[[ModelCall], Completion]:
    """Return a judge that says something else each time; the others are simulated."""
    times = iter(range(10**6))

    def answer(call: ModelCall) -> Completion:
        if call.role is not Role.JUDGE or call.reply_type is None:
            return Simulator()(call)
        text = f'{{"feedback": "So so.", "score": {next(times) % 11}}}'
        return Completion(text=text, reply=read_reply(text, call.reply_type))

    return answer


def of_noise(database: Database, job_id: str = "job-1") -> list[LedgerCall]:
    return [call for call in iterate_calls(database, job_id) if "/noise/" in call.key]


def run(database: Database, job_id: str = "job-1", **changes: object) -> Job:
    insert(database, job_id, **{"iterations": 1, **changes})
    with running(database, moody()):
        return ended(database, job_id)


def test_no_answer_to_another_question_serves_to_measure_it_nor_the_other_way_round(database: Database) -> None:
    for job_id in ("job-1", "job-2"):
        run(database, job_id, cache=True, temperature=0.0)
        calls = of_noise(database, job_id)
        assert [(call.status, call.question, call.sends) for call in calls] == [("done", None, 1)] * MEASURED
    assert "cached" in {call.status for call in iterate_calls(database, "job-2")}


def test_it_is_shown_with_the_job_and_is_what_the_run_goes_by(database: Database) -> None:
    job = run(database)
    assert job.judge.noise is not None
    assert job.judge.noise == load_state(database, job).noise
    assert (job.judge.noise.sd or 0) > 0.1


def test_a_replay_measures_the_same_without_asking(database: Database) -> None:
    job = run(database, iterations=3)
    assert [check for check in replay(database, job).checks if not check.agrees] == []


def test_a_replay_notices_another_noise(database: Database) -> None:
    job = run(database, iterations=3)
    database.write(lambda db: db.execute("DELETE FROM calls WHERE key = ?", (of_noise(database)[0].key,)))
    assert "/noise/" in str(next(check for check in replay(database, job).checks if not check.agrees))


def test_nobody_measures_a_job_without_a_judge(database: Database) -> None:
    job = run(database, metric="exact_match")
    assert (job.judge.noise, of_noise(database)) == (None, [])


def test_a_steady_judge_has_none(database: Database) -> None:
    insert(database, iterations=1)
    with running(database, Simulator()):
        job = ended(database)
    assert job.judge == replace(get_job(database, job.id).judge, noise=job.judge.noise)
    assert job.judge.noise is not None
    assert job.judge.noise.sd == 0
