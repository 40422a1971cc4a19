"""What a fault does to a job and what is said of it is what its row says: one job for each row and each role."""

import gzip
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from gepa_next.gepa.proposers.reflect import REFLECTION_MAX_TOKENS
from gepa_next.gepa.types import Budget, Role
from gepa_next.llm import faults
from gepa_next.llm.failure import Fault, Scope
from gepa_next.llm.faults import FAULTS
from gepa_next.llm.probe import PROBE
from gepa_next.models import Job, JobStatus
from gepa_next.store.database import Database
from gepa_next.store.events import list_events
from gepa_next.store.evidence import iterate_candidates, iterate_rollouts
from gepa_next.store.jobs import get_job
from gepa_next.store.ledger import iterate_calls
from gepa_next.store.requests import Resumption, resume_job
from tests.e2e.jobs_on_faults import CALLS_AT_ONCE, JOB_ID, go_on, run_job
from tests.store.jobs_on_file import EXAMPLES, job_spec
from tests.support.faults import Act, FaultServer, answered, failed

EXAMPLE = job_spec().task(EXAMPLES).validation[0].input  # the seed prompt is scored on it
HEADERS = "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n"
PATIENCE_S = 300.0
BOMB = b64encode(gzip.compress(bytes(9 * 2**20))).decode()
MODEL: Act = {"act": "model"}
VERDICT = '{"feedback": "right", "score": 7}'
PROPOSAL = '{"lesson": "are", "prompt": "Extract the order.", "addition": "Be brief."}'
REFLECTOR = [f'"acme/{Role.REFLECTOR}"']
ODD = failed(400, {"message": "messages: wrong"})
GOOD = {Role.TARGET: "Paris", Role.JUDGE: VERDICT, Role.REFLECTOR: PROPOSAL}

ACTS: Mapping[Fault, tuple[Act, ...]] = {
    faults.RESET: ({"act": "reset"},),
    faults.STALLED: ({"act": "stall", "raw": HEADERS},),
    faults.DEADLINE: ({"act": "stall"},),
    faults.CUT_SHORT: (answered() | {"cut": 9},),
    faults.MALFORMED: ({"body": "<html>sign in</html>"},),
    faults.TOO_LARGE: ({"headers": {"content-encoding": "gzip"}, "base64": BOMB},),
    faults.QUOTA: (failed(429, {"code": "insufficient_quota"}),),
    faults.AUTH: (failed(401),),
    faults.NO_MODEL: (failed(404, {"code": "model_not_found"}),),
    faults.BAD_REQUEST: (failed(400, {"message": "messages: wrong"}),),
    faults.CONTEXT_LENGTH: (failed(400, {"code": "context_length_exceeded"}),),
    faults.SERVER_ERROR: (failed(503),),
    faults.REDIRECT: (failed(307, location="/elsewhere"),),
    faults.REFUSED: (answered(None, refusal="I will not"),),
    faults.EMPTY: (answered(""),),
    faults.TRUNCATED: (answered("{", finish_reason="length"),),
    faults.MALFORMED_REPLY: (answered("I would say 7"),),
}
UNTAKEN = {
    Role.TARGET: "temperature is not supported",
    Role.JUDGE: "temperature must be strictly positive",
    Role.REFLECTOR: "max_tokens is too large: 4096. This model supports at most 2048 completion tokens.",
}
CALLS = [(fault, role) for fault in ACTS if fault.scope is Scope.CALL for role in fault.roles]
JOBS = [
    *((fault, Role.TARGET) for fault in ACTS if fault.scope is Scope.JOB),
    *((faults.AUTH, role) for role in (Role.JUDGE, Role.REFLECTOR)),
]


def mending(fault: Fault, role: Role) -> tuple[Act, ...]:
    """Return what the server does where the fault is mended."""
    good = GOOD[role]
    return {
        faults.UNSUPPORTED: (failed(400, {"message": UNTAKEN[role]}), answered(good)),
        faults.REASONING: (answered(f"<think>hm</think>{good}"),),
        faults.ODD_USAGE: (answered(good, usage={"prompt_tokens": "many"}),),
        faults.UNSTORABLE: (answered(good.replace("r", "r\ud800", 1)),),
        faults.CUT_ANSWER: (answered(good, finish_reason="length"),),
        faults.UNREADABLE_REPLY: (answered("I would say 7"), answered(good)),
        faults.BROKEN_JSON: (answered(good.replace("}", ",}")),),
        faults.KEY_ECHOED: (answered(good.replace("r", "r {key}", 1)),),
    }[fault]


MENDED = [(fault, role) for fault in FAULTS if fault.scope is Scope.NONE for role in fault.roles]


@dataclass(frozen=True)
class Ended:
    """A job whose one role met a fault, on one example where the role sees examples."""

    database: Database
    job: Job

    @property
    def reasons(self) -> dict[str, set[object]]:
        """Return the reasons that events of each stage give."""
        found: dict[str, set[object]] = {}
        for event in list_events(self.database, JOB_ID, after=0, limit=10_000):
            data = json.loads(event.data)
            found.setdefault(data.get("stage", event.type), set()).add(data.get("reason", data.get("code")))
        return found

    @property
    def errors(self) -> set[tuple[str | None, bool]]:
        """Return the error of each rollout and whether it has a score."""
        return {(rollout.error, rollout.score is not None) for rollout in iterate_rollouts(self.database, JOB_ID)}


def run(database: Database, server: FaultServer, fault: Fault, role: Role, acts: tuple[Act, ...]) -> Ended:
    refuses_all = fault is faults.BAD_REQUEST  # what is refused once only is an odd request
    words = [f'"acme/{role}"', *([] if refuses_all or role is Role.REFLECTOR else [EXAMPLE])]
    limits = {"timeout_s": 0.3} if fault is faults.DEADLINE else {"stall_s": 0.1} if fault is faults.STALLED else {}
    play = server.play_by_words((words, acts))
    spec = {"iterations": 1, "population": 2, "minibatch": 2, "temperature": 0.5}
    return Ended(database, run_job(database, play.base_url, **limits, **spec))


@pytest.mark.parametrize(("fault", "role"), CALLS, ids=lambda value: getattr(value, "name", value))
def test_a_fault_that_ends_a_call_leaves_the_job_going(
    database: Database, fault_server: FaultServer, fault: Fault, role: Role
) -> None:
    ended = run(database, fault_server, fault, role, ACTS[fault])
    assert ended.job.status is JobStatus.FINISHED
    if role is Role.TARGET:
        assert ended.errors == {(None, True), (fault.code, False)}
    if role is Role.JUDGE:
        assert ended.errors == {(None, True), (f"judge_{fault.code}", False)}
        assert ended.reasons["judge"] == {f"judge_{fault.code}"}
    if role is Role.REFLECTOR:
        assert ended.reasons["guard"] == {f"reflector_{fault.code}"}
        assert {each.reason for each, _ in iterate_candidates(database, JOB_ID)} == {"", f"reflector_{fault.code}"}


@pytest.mark.parametrize(("fault", "role"), JOBS, ids=lambda value: getattr(value, "name", value))
def test_a_fault_that_ends_the_job_says_so_last(
    database: Database, fault_server: FaultServer, fault: Fault, role: Role
) -> None:
    ended = run(database, fault_server, fault, role, ACTS[fault])
    assert (ended.job.status, ended.job.stop_reason, ended.job.error_code) == (JobStatus.FAILED, "error", fault.code)
    assert fault.name in (ended.job.error_message or "")
    assert ended.reasons["failed"] == {fault.code}


@pytest.mark.parametrize("fault", [fault for fault in ACTS if fault.scope is Scope.JOB], ids=lambda fault: fault.name)
def test_a_job_that_a_fault_ended_is_resumed_to_its_end_when_that_is_mended_and_buys_nothing_twice(
    database: Database, fault_server: FaultServer, fault: Fault
) -> None:
    before = 0 if fault is faults.BAD_REQUEST else 9  # what refuses after an answer refuses one request
    broken = fault_server.play_by_words((['"acme/target"'], [*[MODEL] * before, *ACTS[fault]]))
    mended = fault_server.play_by_words()
    failed_job = run_job(database, broken.base_url, calls_at_once=1, iterations=2, population=2, minibatch=2)
    assert (failed_job.status, failed_job.error_code) == (JobStatus.FAILED, fault.code)
    job = run_job(database, mended.base_url)
    assert (job.status, job.stop_reason, job.error_code) == (JobStatus.FINISHED, "iterations", None)
    sent, sent_later = (
        {request["headers"]["x-client-request-id"] for request in each.seen} for each in (broken, mended)
    )
    assert len(sent & sent_later) == 1  # the one that failed
    assert {call.error_code for call in iterate_calls(database, JOB_ID)} == {None}


@pytest.mark.parametrize(("fault", "role"), MENDED, ids=lambda value: getattr(value, "name", value))
def test_a_fault_that_is_mended_leaves_a_flag(
    database: Database, fault_server: FaultServer, fault: Fault, role: Role
) -> None:
    ended = run(database, fault_server, fault, role, mending(fault, role))
    assert ended.job.status is JobStatus.FINISHED
    assert ended.errors == {(None, True)}
    assert fault.code in {flag for call in iterate_calls(database, JOB_ID) if call.role is role for flag in call.flags}
    flags = {flag for rollout in iterate_rollouts(database, JOB_ID) for flag in rollout.flags}
    assert (fault.code in flags) == (role is Role.TARGET)


@pytest.mark.parametrize("role", [Role.TARGET, Role.JUDGE])
@pytest.mark.parametrize(("place", "calls_at_once"), [(0, 1), (1, 1), (1, CALLS_AT_ONCE)])
def test_one_request_that_a_model_refuses_while_it_answers_others_leaves_the_job_going(
    database: Database, fault_server: FaultServer, role: Role, place: int, calls_at_once: int
) -> None:
    odd = job_spec().task(EXAMPLES).validation[place].input
    play = fault_server.play_by_words(([f'"acme/{role}"', odd], [ODD]))
    ended = Ended(database, run_job(database, play.base_url, calls_at_once=calls_at_once, iterations=1, population=2))
    code = f"{'judge_' if role is Role.JUDGE else ''}{faults.ODD_REQUEST.code}"
    assert (ended.job.status, ended.errors) == (JobStatus.FINISHED, {(None, True), (code, False)})


def test_a_restart_changes_nothing_for_a_request_that_is_refused(database: Database, fault_server: FaultServer) -> None:
    odd, after = (each.input for each in job_spec().task(EXAMPLES).validation[1:3])
    before = fault_server.play_by_words((['"acme/target"', odd], [failed(401)]))
    assert run_job(database, before.base_url, calls_at_once=1, iterations=1).error_code == faults.AUTH.code
    assert not any(after in request["body"] for request in before.seen)
    job = get_job(database, JOB_ID)
    resume_job(database, Resumption(job_id=JOB_ID, spec=job.spec, seen_event_id=job.last_event_id), now=9.0)
    play = fault_server.play_by_words((['"acme/target"', odd], [ODD]))
    ended = Ended(database, go_on(database, play.base_url, calls_at_once=1))
    assert (ended.job.status, ended.errors) == (JobStatus.FINISHED, {(None, True), (faults.ODD_REQUEST.code, False)})
    assert not any(PROBE[0].content in request["body"] for request in play.seen)


def test_a_model_that_comes_to_refuse_all_requests_ends_the_job(database: Database, fault_server: FaultServer) -> None:
    refused = [answered("Paris"), failed(400, {"message": "messages: wrong"})]
    play = fault_server.play_by_words((['"acme/target"'], refused))
    job = run_job(database, play.base_url, calls_at_once=1)
    assert (job.status, job.error_code) == (JobStatus.FAILED, "too_many_errors")
    assert faults.ODD_REQUEST.code in (job.error_message or "")


@pytest.mark.parametrize("role", [Role.JUDGE, Role.REFLECTOR])
def test_a_model_that_takes_no_response_format_is_asked_without_for_good(
    database: Database, fault_server: FaultServer, role: Role
) -> None:
    refusal = failed(400, {"message": "response_format is not supported", "param": "response_format"})
    taken = ([f'"acme/{role}"'], [answered(GOOD[role])])
    play = fault_server.play_by_words(([f'"acme/{role}"', "response_format"], [refusal]), taken)
    ended = Ended(database, run_job(database, play.base_url, iterations=1, population=2, minibatch=2))
    assert (ended.job.status, ended.errors) == (JobStatus.FINISHED, {(None, True)})
    asked = ["response_format" in body for body in play.bodies if body["model"] == f"acme/{role}"]
    assert (asked[0], asked[-1]) == (True, False)
    assert asked.count(True) <= 2 * CALLS_AT_ONCE  # two forms are tried, by all that did not know yet
    assert {call.error_code for call in iterate_calls(database, JOB_ID)} == {None}


def test_a_reflector_that_spends_its_tokens_on_reasoning_gets_twice_as_many(
    database: Database, fault_server: FaultServer
) -> None:
    pondering = (
        [*REFLECTOR, f'"max_tokens": {REFLECTION_MAX_TOKENS}'],
        [answered("<think>hm", finish_reason="length")],
    )
    play = fault_server.play_by_words(pondering, (REFLECTOR, [answered(PROPOSAL)]))
    ended = Ended(database, run_job(database, play.base_url, iterations=1, population=1, minibatch=2))
    assert (ended.job.status, ended.errors) == (JobStatus.FINISHED, {(None, True)})
    limits = [body["max_tokens"] for body in play.bodies if body["model"] == "acme/reflector"]
    assert limits == [REFLECTION_MAX_TOKENS, 2 * REFLECTION_MAX_TOKENS]
    assert "Extract the order." in {each.text for each, _ in iterate_candidates(database, JOB_ID)}


@pytest.mark.parametrize("fault", [faults.RATE_LIMITED, faults.UNREACHABLE], ids=lambda fault: fault.name)
def test_an_endpoint_that_refuses_or_is_away_is_waited_for_before_it_ends_the_job(
    database: Database, fault_server: FaultServer, fault: Fault
) -> None:
    refusing = fault_server.play(failed(429)).base_url
    away = f"http://127.0.0.1:{fault_server.open_door('full')}/v1"
    ended = judged_at(database, fault_server, refusing if fault is faults.RATE_LIMITED else away)
    assert (ended.job.status, ended.job.error_code) == (JobStatus.FAILED, fault.code)
    assert fault.name in (ended.job.error_message or "")
    assert (ended.reasons["waiting"], ended.reasons["failed"]) == ({fault.code}, {fault.code})


def test_an_endpoint_that_is_out_of_order_is_waited_for_aloud_and_then_said_to_be_resumed(
    database: Database, fault_server: FaultServer
) -> None:
    ended = judged_at(database, fault_server, fault_server.play(failed(503)).base_url)
    assert (ended.job.status, ended.job.error_code) == (JobStatus.FAILED, f"judge_{faults.SERVER_ERROR.code}")
    assert ended.reasons["waiting"] == {faults.SERVER_ERROR.code}
    assert "then resume the job" in (ended.job.error_message or "")


def test_a_call_that_alone_is_refused_for_too_long_leaves_the_job_going(
    database: Database, fault_server: FaultServer
) -> None:
    second = job_spec().task(EXAMPLES).validation[1].input
    play = fault_server.play_by_words((['"acme/target"', second], [failed(429)]))
    just_the_seed_prompt = Budget(max_rollouts=24)
    ended = Ended(database, run_job(database, play.base_url, patience_s=PATIENCE_S, budget=just_the_seed_prompt))
    assert ended.job.status is JobStatus.FINISHED, ended.job
    assert ended.errors == {(None, True), ("rate_limited", False)}


def test_an_endpoint_that_does_not_speak_tls_ends_the_job(database: Database, fault_server: FaultServer) -> None:
    ended = judged_at(database, fault_server, f"https://127.0.0.1:{fault_server.open_door('plain')}/v1")
    assert (ended.job.status, ended.job.error_code) == (JobStatus.FAILED, faults.BAD_ADDRESS.code)
    assert faults.BAD_ADDRESS.name in (ended.job.error_message or "")
    assert "waiting" not in ended.reasons


def judged_at(database: Database, server: FaultServer, url: str) -> Ended:
    """Run a job whose judge, and only it, is at the address."""
    urls = {**dict.fromkeys(Role, server.play_by_words().base_url), Role.JUDGE: url}
    return Ended(database, run_job(database, urls, connect_s=0.05, patience_s=PATIENCE_S))


def test_every_row_has_its_job() -> None:
    waited_for = {faults.RATE_LIMITED, faults.UNREACHABLE}
    elsewhere = {faults.BAD_ADDRESS, faults.FORBIDDEN_ADDRESS}  # the latter in tests/e2e/test_programs.py
    alone = {*waited_for, *elsewhere, faults.ODD_REQUEST}
    assert {*ACTS, *(fault for fault, _ in MENDED), *alone} == set(FAULTS)
