"""What the blueprints are given: the parts of the running service, and plain settings."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import current_app

from gepa_next.api.edge.rates import RateLimiter
from gepa_next.api.edge.refused_tokens import RefusedTokens
from gepa_next.api.edge.rendered import RenderedStates
from gepa_next.gepa.types import Role
from gepa_next.llm.pricing import Prices
from gepa_next.llm.program_urls import ProgramUrls
from gepa_next.models import Judge
from gepa_next.store.database import Database
from gepa_next.store.quotas import Quota
from gepa_next.streaming.places import Places
from gepa_next.streaming.stream import StreamSettings
from gepa_next.streaming.tailer import Tailer
from gepa_next.tokens.book import TokenBook
from gepa_next.tokens.lines import Token

EXTENSION = "gepa_next"


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may do what; nobody is asked for a token when `required` is False."""

    required: bool
    tokens: TokenBook
    ticket_key: bytes
    metrics_required: bool
    origins: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a request may ask for."""

    request_bytes: int
    iterations: int
    queued_jobs: int
    of_an_owner: Quota
    streams_of_owner: int
    idempotency_ttl_s: float
    free_disk_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """Which models serve, what they charge, and whether the simulator stands in for them.

    `states_cost` says whether a role's provider states what a call costs, None where that is not known.
    """

    target_default: str
    judge_model_id: str
    reflector_model_id: str
    simulated: bool
    prices: Prices
    states_cost: Mapping[Role, bool | None]

    def judge(self, fingerprint: str) -> Judge:
        """Return the judge under a fingerprint."""
        return Judge(model_id=self.judge_model_id, fingerprint=fingerprint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """The parts of the service in this process."""

    database: Database
    tailer: Tailer
    places: Places
    access: Access
    limits: Limits
    roles: Roles
    programs: ProgramUrls
    stream: StreamSettings
    requests: RateLimiter
    openings: RateLimiter
    failures: RateLimiter
    runner_expected: bool
    public_settings: dict[str, object]
    refused: RefusedTokens = field(default_factory=RefusedTokens)
    rendered: RenderedStates = field(default_factory=RenderedStates)
    draining: threading.Event = field(default_factory=threading.Event)

    def most_streams_of(self, known: Token) -> int:
        """Return how many streams the owner of the token may have open."""
        own = known.limits.streams
        return min((self.limits.streams_of_owner if own is None else own) or self.places.most, self.places.most)


def wiring() -> Wiring:
    """Return the wiring of the current application."""
    found = current_app._get_current_object().extensions[EXTENSION]  # type: ignore[attr-defined]  # noqa: SLF001 - as asked()
    assert isinstance(found, Wiring)  # noqa: S101 - set by create_app and nobody else
    return found
