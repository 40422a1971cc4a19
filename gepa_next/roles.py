"""Roles: which model plays which, where it is asked, and what all jobs share on the way to it."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.api.edge.wiring import Roles
from gepa_next.config import Settings
from gepa_next.elsewhere import Elsewhere
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import Role
from gepa_next.job_models import NoteRetry, models_at, take_no_note
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.peers import is_public, is_public_or_private
from gepa_next.llm.pricing import Prices, states_cost
from gepa_next.llm.program import Programs
from gepa_next.llm.program_urls import ProgramUrls
from gepa_next.llm.provider import Provider
from gepa_next.llm.remote import RemoteTransport, TransportLimits
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Posts
from gepa_next.llm.turnstile import Lane, Traffic, Turnstile
from gepa_next.runner.job_run import ModelsFor
from gepa_next.runner.judge_watch import JudgeWatch

SIMULATED_MODELS = {Role.TARGET: "sim/target", Role.JUDGE: "sim/judge", Role.REFLECTOR: "sim/reflector"}


def roles_of(settings: Settings) -> Roles:
    """Return which models play the roles and what they charge."""
    ids = _model_ids(settings)
    places = {} if settings.simulated else _places(settings)
    return Roles(
        target_default=ids[Role.TARGET],
        judge_model_id=ids[Role.JUDGE],
        reflector_model_id=ids[Role.REFLECTOR],
        simulated=settings.simulated,
        prices=Prices.from_mapping(settings.model_prices),
        states_cost={role: states_cost(base_url) for role, (base_url, _) in places.items()},
    )


def _model_ids(settings: Settings) -> dict[Role, str]:
    if settings.simulated:
        return SIMULATED_MODELS
    return {
        Role.TARGET: settings.target_model_default,
        Role.JUDGE: settings.judge_model_id,
        Role.REFLECTOR: settings.reflection_model_id or settings.judge_model_id,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Ways:
    """What all that is asked in one process shares: a provider for each role, none if simulated, and the gate.

    With `elsewhere` requests are sent from there, and metrics computed there. `note_retry` is told role and code of the
    fault whenever a request is sent again.
    """

    providers: Mapping[Role, Provider]
    turnstile: Turnstile
    elsewhere: Elsewhere | None = None
    note_retry: NoteRetry


def ways_of(settings: Settings, *, note_retry: NoteRetry = take_no_note) -> Ways:
    """Return new ways to the models; whoever asks in the same process takes the same."""
    elsewhere = _cluster(settings.dask_scheduler) if settings.dask_scheduler else None
    return Ways(
        providers={} if settings.simulated else _providers(settings, elsewhere),
        turnstile=Turnstile(most=settings.max_concurrent_calls, patience_s=settings.provider_patience_s),
        elsewhere=elsewhere,
        note_retry=note_retry,
    )


def _cluster(address: str) -> Elsewhere:
    from gepa_next.cluster import Cluster  # noqa: PLC0415  # of an optional extra

    return Cluster(address)


def models_for(settings: Settings, ways: Ways) -> ModelsFor:
    """Return what makes a job's models; connections and limits are shared by all jobs."""
    programs = _programs(settings)
    return models_at(_model_ids(settings), ways.providers, ways.turnstile, programs, note_retry=ways.note_retry)


def judge_watch_of(settings: Settings, ways: Ways) -> JudgeWatch | None:
    """Return what checks the judge now and again; None if that is off, or nobody real judges."""
    if settings.simulated or not settings.judge_check_interval_s:
        return None
    model_id, judge = judge_of(settings, ways)
    return JudgeWatch(judge, model_id=model_id, interval_s=settings.judge_check_interval_s)


def judge_of(settings: Settings, ways: Ways) -> tuple[str, LanguageModel]:
    """Return the judge's id, and the judge as it is asked outside of jobs: with the same retries and limits."""
    model_id, place = _model_ids(settings)[Role.JUDGE], secrets.token_hex(8)
    if Role.JUDGE not in ways.providers:
        return model_id, Simulator()
    provider = ways.providers[Role.JUDGE]
    lane = Lane(ways.turnstile, provider.throttle, Traffic())
    return model_id, HttpModel(
        provider=provider,
        model_id=model_id,
        request_id=lambda call: f"{place}/{call.key}",
        lane=lane,
        note_retry=ways.note_retry,
    )


def _programs(settings: Settings) -> Programs:
    return Programs(
        ProgramUrls(settings.program_urls),
        admits=is_public_or_private if settings.program_private_addresses else is_public,
        timeout_s=settings.llm_timeout_s,
        connections=settings.max_concurrent_calls + settings.max_concurrent_jobs,
        most_at_once=settings.max_concurrent_calls,
        ca_file=settings.llm_ca_file,
    )


def _providers(settings: Settings, elsewhere: Elsewhere | None = None) -> dict[Role, Provider]:
    """Return the provider of each role; roles with the same base URL and key share it."""
    places, prices = _places(settings), Prices.from_mapping(settings.model_prices)
    per_minute = _limits_per_minute(settings, places)
    made: dict[tuple[str, str], Provider] = {}
    for place in places.values():
        if place not in made:
            made[place] = Provider(
                Endpoint(*place),
                transport=_transport(settings, elsewhere),
                prices=prices,
                throttle=Throttle(settings.max_concurrent_calls, per_minute=per_minute.get(place)),
            )
    return {role: made[place] for role, place in places.items()}


def _transport(settings: Settings, elsewhere: Elsewhere | None) -> Posts:
    # A job that has nothing under way may go over the limit by one.
    connections = settings.max_concurrent_calls + settings.max_concurrent_jobs
    limits = TransportLimits(timeout_s=settings.llm_timeout_s, connections=connections, ca_file=settings.llm_ca_file)
    return RemoteTransport(elsewhere, limits) if elsewhere else limits.transport()


def _places(settings: Settings) -> dict[Role, tuple[str, str]]:
    """Return the base URL and the key of each role; the judge's model is asked where the judge is."""
    shared = (settings.base_url, settings.api_key.get_secret_value())
    judge = (settings.judge_base_url, settings.judge_api_key.get_secret_value())
    judge = judge if judge[0] else shared
    reflector = (settings.reflection_base_url, settings.reflection_api_key.get_secret_value())
    if not reflector[0]:
        reflector = shared if settings.reflection_model_id else judge
    return {Role.TARGET: shared, Role.JUDGE: judge, Role.REFLECTOR: reflector}


def _limits_per_minute(settings: Settings, places: Mapping[Role, tuple[str, str]]) -> dict[tuple[str, str], int]:
    """Return the smallest limit that is set for each place; those without one are left out."""
    stated = {
        Role.TARGET: settings.llm_requests_per_min,
        Role.JUDGE: settings.judge_requests_per_min,
        Role.REFLECTOR: settings.reflection_requests_per_min,
    }
    found: dict[tuple[str, str], int] = {}
    for role, limit in stated.items():
        if limit:
            found[places[role]] = min(limit, found.get(places[role], limit))
    return found
