"""A provider that refuses the job over one call is sent no more."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.types import Completion, ModelCall, Role
from gepa_next.runner.refusals import UntilRefused

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
    asking = UntilRefused(model)
    assert asking(CALL).text == "yes"
    for _ in range(5):
        with pytest.raises(ProviderError, match="Put the key right") as caught:
            asking(CALL)
        assert caught.value.code == "provider_auth"
    assert (model.asked, caught.value.sends, caught.value.cost_usd) == (2, 0, 0.0)


def test_a_call_that_fails_alone_stops_nothing() -> None:
    model = Scripted(ModelError("timeout", "too slow"))
    asking = UntilRefused(model)
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

    asking = UntilRefused(model)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(asking, ModelCall(role=Role.TARGET, key="slow", messages=()))
        in_flight.wait(5)
        with pytest.raises(ProviderError):
            asking(CALL)
        refused.set()
        assert slow.result(5).text == "late"
