"""A provider that refuses the job over one call is sent no more."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.llm.simulator import Simulator
from gepa_next.models import JobSpec, JobStatus
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.refusals import UntilRefused
from gepa_next.runner.runner import Runner
from gepa_next.runner.tenure import Tenure
from gepa_next.store.database import Database
from gepa_next.store.ledger import iterate_calls
from tests.runner.running import TIMEOUT_S, ended
from tests.store.jobs_on_file import insert

CALL = ModelCall(role=Role.TARGET, key="k", messages=())


class Scripted:
    """A model that raises these errors one after the other, None is an answer; `asked` counts."""

    def __init__(self, *errors: ModelError | None) -> None:
        self.errors = iter(errors)
        self.asked = 0

    def __call__(self, _: ModelCall) -> Completion:
        self.asked += 1
        if error := next(self.errors, None):
            raise error
        return Completion(text="yes")


def test_calls_pass_until_one_ends_the_job_and_none_after_it() -> None:
    model = Scripted(None, ProviderError("provider_auth", "Put the key right."))
    told: list[ProviderError] = []
    asking = UntilRefused(model, tell=told.append)
    assert asking(CALL).text == "yes"
    for _ in range(5):
        with pytest.raises(ProviderError, match="Put the key right") as caught:
            asking(CALL)
        assert caught.value.code == "provider_auth"
    assert (model.asked, caught.value.sends, caught.value.cost_usd) == (2, 0, 0.0)
    assert [each.code for each in told] == ["provider_auth"]


def test_a_call_that_fails_alone_stops_nothing() -> None:
    model = Scripted(ModelError("timeout", "too slow"))
    asking = UntilRefused(model, tell=print)
    with pytest.raises(ModelError):
        asking(CALL)
    assert asking(CALL).text == "yes"


def test_a_call_in_flight_is_let_go_on() -> None:
    in_flight, refused = Barrier(2), Event()

    def model(call: ModelCall) -> Completion:
        if call.key == "slow":
            in_flight.wait(5)
            refused.wait(5)
            return Completion(text="late")
        raise ProviderError("provider_quota", "Top up.")

    asking = UntilRefused(model, tell=print)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(asking, ModelCall(role=Role.TARGET, key="slow", messages=()))
        in_flight.wait(5)
        with pytest.raises(ProviderError):
            asking(CALL)
        refused.set()
        assert slow.result(5).text == "late"


def test_a_call_that_waits_for_its_next_try_hears_of_a_refusal_and_tries_no_more(database: Database) -> None:
    waits, asked, heard = Event(), [], []

    def models_for(_: str, __: JobSpec, tenure: Tenure, ___: object) -> dict[Role, RoleModel]:
        def ask(call: ModelCall) -> Completion:
            asked.append(call.key)
            if call.key == asked[0]:
                return Simulator()(call)
            if call.key == asked[1]:
                waits.set()
                try:
                    tenure.wait(TIMEOUT_S)
                except ProviderError as error:
                    heard.append(error.code)
                    raise
                raise ModelError("timeout", "it never heard")
            assert waits.wait(TIMEOUT_S)
            raise ProviderError("provider_auth", "Put the key right.")

        return {role: RoleModel(model_id=f"sim/{role}", ask=ask) for role in Role}

    insert(database, metric="exact_match")
    runner = Runner(database, models_for, concurrent_jobs=1, concurrent_calls=2)
    runner.start()
    job = ended(database)
    runner.drain(TIMEOUT_S)
    assert (job.status, job.error_code, job.error_message) == (JobStatus.FAILED, "provider_auth", "Put the key right.")
    assert (heard, len(asked)) == (["provider_auth"], 3)
    assert {call.status for call in iterate_calls(database, job.id)} == {"done", "refused"}
