"""Set the stage for a test: scripts for the fault server, and models that call it."""

import threading
from dataclasses import dataclass, field

from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.pricing import Prices
from gepa_next.llm.provider import Provider
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Transport
from gepa_next.llm.turnstile import Lane, Turnstile
from tests.support.faults import Act, FaultServer, Play, answered, failed

__all__ = ["API_KEY", "Act", "FaultServer", "Play", "Stage", "answered", "failed", "question"]

API_KEY = "sk-canary-5c1f"
PATIENCE_S = 31.0  # six pauses of the longest kind


def question(
    role: Role = Role.TARGET,
    *,
    reply_type: type | None = None,
    max_tokens: int | None = None,
    system: str = "Answer.",
    text: str = "Capital?",
) -> ModelCall:
    return ModelCall(
        role=role,
        key="1/rollout/0",
        messages=(Message("system", system), Message("user", text)),
        reply_type=reply_type,
        temperature=0.5,
        max_tokens=max_tokens,
    )


@dataclass
class FakeTime:
    """A clock that goes on when somebody waits."""

    now: float = 0.0

    def clock(self) -> float:
        return self.now

    def nap(self, event: threading.Event, seconds: float) -> None:
        if not event.is_set():
            self.now += seconds


def longest(_: float, high: float) -> float:
    """Draw no lots: every pause is as long as it may be."""
    return high


@dataclass
class Stage:
    """Make models that call a play, and collect the waits that they ask for.

    What all calls to an endpoint wait for passes in no time, on the stage's own clock.
    """

    server: FaultServer
    time: FakeTime = field(default_factory=FakeTime)
    waits: list[float] = field(default_factory=list)
    providers: list[Provider] = field(default_factory=list)

    def provider(self, play: Play | str, *, prices: Prices | None = None, **limits: float) -> Provider:
        base_url = play if isinstance(play, str) else play.base_url
        transport = Transport(**{"timeout_s": 10.0, "connect_s": 2.0, **limits})
        throttle = Throttle(uniform=longest)
        self.providers.append(
            Provider(Endpoint(base_url, API_KEY), transport=transport, prices=prices, throttle=throttle)
        )
        return self.providers[-1]

    def model(self, *acts: Act, prices: Prices | None = None, **limits: float) -> tuple[HttpModel, Play]:
        play = self.server.play(*acts)
        return self.on(self.provider(play, prices=prices, **limits)), play

    def on(self, provider: Provider) -> HttpModel:
        turnstile = Turnstile(patience_s=PATIENCE_S, clock=self.time.clock, nap=self.time.nap)
        lane = Lane(turnstile, provider.throttle)
        return HttpModel(provider=provider, model_id="acme/small", wait=self.waits.append, lane=lane)
