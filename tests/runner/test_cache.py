"""An answer at temperature 0 serves whoever asks the same question again, and nobody else."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from gepa_next.errors import Interrupted, ModelError
from gepa_next.gepa.noise import ANCHORS, REPEATS
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import CallUsage, Completion, Message, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobStatus, LedgerCall
from gepa_next.runner.asking import Asking
from gepa_next.runner.ledger import LedgerModel, RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.counters import list_counters
from gepa_next.store.database import Database
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts, list_usage
from gepa_next.store.jobs import get_job
from gepa_next.store.leases import RunnerIdentity, claim_job, register_runner
from gepa_next.store.ledger import Holder, iterate_calls
from tests.runner.running import TIMEOUT_S, ended, running
from tests.store.jobs_on_file import insert

FIRST = ModelCall(role=Role.TARGET, key="first", messages=(Message("user", "why?"),), temperature=0.0)
AGAIN = replace(FIRST, key="again")
USAGE = CallUsage(sends=1, input_tokens=10, output_tokens=3, cost_usd=0.25)


def answered(_: ModelCall) -> Completion:
    return Completion(text="because", flags=("truncated",), usage=USAGE)


def failed(_: ModelCall) -> Completion:
    raise ModelError("timeout", "late")


class Stage:
    """Jobs in one database, with a model that counts what it is asked."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.asked: list[str] = []
        self.ask: LanguageModel = answered
        self.asking = Asking()
        self.runner = RunnerIdentity(id="one", pid=1, pid_started_at=0, boot_id="boot")
        register_runner(database, self.runner, now=1.0, monotonic=0.0)

    def answer(self, call: ModelCall) -> Completion:
        self.asked.append(call.key)
        return self.ask(call)

    def model(self, job_id: str, *, shared_by: str | None = "token", endpoint: str = "here") -> LedgerModel:
        insert(self.database, job_id)
        claim = claim_job(self.database, self.runner, now=1.0)
        assert claim is not None
        tenure = Tenure(self.database, Holder(job_id=claim.job_id, epoch=claim.epoch), threading.Event())
        models = {role: RoleModel(model_id="m", ask=self.answer, endpoint=endpoint) for role in Role}
        return LedgerModel(
            tenure, models, clock=lambda: 1.0, brake=lambda: None, asking=self.asking, shared_by=shared_by
        )  # fmt: skip

    def calls(self, job_id: str) -> list[LedgerCall]:
        return list(iterate_calls(self.database, job_id))


@pytest.fixture
def stage(database: Database) -> Stage:
    return Stage(database)


def test_the_same_question_is_paid_for_once(stage: Stage) -> None:
    model = stage.model("a")
    first, again = model(FIRST), model(AGAIN)
    assert stage.asked == ["first"]
    assert again == replace(first, usage=CallUsage(sends=0, cost_usd=0.0))
    assert {call.key: call.status for call in stage.calls("a")} == {"first": "done", "again": "cached"}
    (usage,) = list_usage(stage.database, "a")
    assert (usage.calls, usage.cost_usd) == (1, 0.25)


def test_another_job_of_the_same_token_gets_the_answer_and_a_replay_gives_it_again(stage: Stage) -> None:
    stage.model("a")(FIRST)
    model = stage.model("b")
    assert model(FIRST) == model(FIRST)
    assert stage.asked == ["first"]
    assert [(call.status, call.text, call.sends, call.cost_usd) for call in stage.calls("b")] == [
        ("cached", "because", 0, 0.0)
    ]


def test_a_hit_is_an_outcome_in_the_metrics(stage: Stage) -> None:
    model = stage.model("a")
    model(FIRST)
    model(AGAIN)
    counted = {each.labels: each.value for each in list_counters(stage.database) if each.name == "llm_calls"}
    assert counted[("outcome", "cached"), ("role", "target")] == 1


@pytest.mark.parametrize(
    "again",
    [
        replace(AGAIN, temperature=0.7),
        replace(AGAIN, temperature=None),
        replace(AGAIN, max_tokens=5),
        replace(AGAIN, role=Role.JUDGE),
        replace(AGAIN, messages=(Message("user", "why not?"),)),
    ],
)
def test_another_question_is_asked(stage: Stage, again: ModelCall) -> None:
    model = stage.model("a")
    model(FIRST)
    model(again)
    assert stage.asked == ["first", "again"]


@pytest.mark.parametrize("other", [{"shared_by": "another"}, {"shared_by": None}, {"endpoint": "there"}])
def test_another_token_another_endpoint_and_whoever_opts_out_ask_for_themselves(
    stage: Stage, other: dict[str, str | None]
) -> None:
    stage.model("a")(FIRST)
    stage.model("b", **other)(AGAIN)  # type: ignore[arg-type]  # the names above
    assert stage.asked == ["first", "again"]


def test_without_a_temperature_of_0_the_same_question_is_asked_every_time(stage: Stage) -> None:
    model = stage.model("a")
    model(replace(FIRST, temperature=1.0))
    model(replace(AGAIN, temperature=1.0))
    assert stage.asked == ["first", "again"]


def test_an_answer_that_was_given_without_the_temperature_answers_nobody(stage: Stage) -> None:
    stage.ask = lambda call: replace(answered(call), flags=("parameter_left_out",))
    stage.model("a")(FIRST)
    model = stage.model("b")
    model(FIRST)
    model(AGAIN)
    assert stage.asked == ["first", "first", "again"]


def test_the_ledger_shows_which_calls_one_answer_serves(stage: Stage) -> None:
    model = stage.model("a")
    model(FIRST)
    model(AGAIN)
    model(replace(FIRST, key="other", temperature=1.0))
    again, first, other = (call.question for call in stage.calls("a"))
    assert first == again != other
    assert other is None


def test_a_failed_call_answers_nobody(stage: Stage) -> None:
    model = stage.model("a")
    stage.ask = failed
    with pytest.raises(ModelError):
        model(FIRST)
    stage.ask = answered
    assert model(AGAIN).text == "because"


@pytest.mark.parametrize("damage", ["text = CAST(x'ff' AS TEXT)", "flags = '[\"trunc'"])
def test_an_answer_that_cannot_be_read_answers_nobody_and_the_question_is_asked_again(
    stage: Stage, damage: str
) -> None:
    stage.model("a")(FIRST)
    stage.database.write(lambda db: db.execute(f"UPDATE calls SET {damage}"))  # noqa: S608 - the lines above
    assert stage.model("b")(AGAIN).text == "because"
    assert stage.asked == ["first", "again"]


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


def test_of_two_that_ask_at_once_one_waits_for_the_answer(stage: Stage, pool: ThreadPoolExecutor) -> None:
    asks, answers = threading.Event(), threading.Event()

    def slow(call: ModelCall) -> Completion:
        asks.set()
        assert answers.wait(TIMEOUT_S)
        return answered(call)

    stage.ask = slow
    model = stage.model("a")
    first = pool.submit(model, FIRST)
    assert asks.wait(TIMEOUT_S)
    again = pool.submit(model, AGAIN)
    answers.set()
    assert {first.result(TIMEOUT_S).text, again.result(TIMEOUT_S).text} == {"because"}
    assert stage.asked == ["first"]


@pytest.mark.parametrize("is_known", [False, True])
def test_where_an_answer_serves_one_call_alone_the_others_ask_at_once(stage: Stage, *, is_known: bool) -> None:
    first, together = threading.Lock(), threading.Barrier(5)

    def unshared(call: ModelCall) -> Completion:
        if not first.acquire(blocking=False):
            together.wait(TIMEOUT_S)
        return replace(answered(call), flags=("parameter_left_out",))

    stage.ask = unshared
    model = stage.model("a")
    if is_known:
        model(FIRST)
    with ThreadPoolExecutor(6) as pool:
        calls = [replace(AGAIN, key=f"again {n}") for n in range(5 if is_known else 6)]
        assert {answer.text for answer in pool.map(model, calls, timeout=TIMEOUT_S)} == {"because"}


def test_a_model_that_takes_no_temperature_leaves_the_answers_of_other_roles_shared(
    stage: Stage, pool: ThreadPoolExecutor
) -> None:
    model = stage.model("a")
    stage.ask = lambda call: replace(answered(call), flags=("parameter_left_out",))
    model(FIRST)
    asks, answers = threading.Event(), threading.Event()

    def slow(call: ModelCall) -> Completion:
        asks.set()
        assert answers.wait(TIMEOUT_S)
        return answered(call)

    stage.ask = slow
    judging = replace(FIRST, role=Role.JUDGE)
    first = pool.submit(model, judging)
    assert asks.wait(TIMEOUT_S)
    again = pool.submit(model, replace(judging, key="again"))
    answers.set()
    assert {first.result(TIMEOUT_S).text, again.result(TIMEOUT_S).text} == {"because"}
    assert stage.asked == ["first", "first"]


def test_a_call_that_waits_for_the_answer_of_another_gives_up_when_its_job_is_let_go(
    stage: Stage, pool: ThreadPoolExecutor
) -> None:
    let_go = Interrupted("let_go", "the runner let go of the job")

    def refuse() -> None:
        raise let_go

    with stage.asking.alone("q", permit=lambda: None):
        waiting = pool.submit(ask_alone, stage.asking, refuse)
        assert waiting.exception(TIMEOUT_S) is let_go


def ask_alone(asking: Asking, permit: Callable[[], None]) -> None:
    with asking.alone("q", permit=permit):
        raise AssertionError("somebody else is asking")


def test_a_job_asked_for_again_pays_for_its_reflections_and_for_the_noise_of_the_judge_alone(
    database: Database,
) -> None:
    for job_id in ("once", "again"):
        insert(database, job_id, cache=True, temperature=0.0)
        with running(database, Simulator()):
            assert ended(database, job_id).status is JobStatus.FINISHED
    usage = {each.role: each.calls for each in list_usage(database, "again")}
    assert (set(usage), usage[Role.JUDGE]) == ({Role.REFLECTOR, Role.JUDGE}, ANCHORS * REPEATS)
    assert [*iterate_candidates(database, "again")] == [*iterate_candidates(database, "once")]
    assert list(iterate_rollouts(database, "again")) == list(iterate_rollouts(database, "once"))
    assert get_job(database, "again").rollouts == get_job(database, "once").rollouts
