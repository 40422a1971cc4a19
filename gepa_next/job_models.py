"""The models of a job: each role's, behind the ledger's, at a provider or the simulator."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gepa_next.gepa.types import ModelCall, Role
from gepa_next.llm.http import HttpModel
from gepa_next.llm.program import ProgramModel, Programs
from gepa_next.llm.provider import Provider
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.turnstile import Lane, Traffic, Turnstile
from gepa_next.models import JobSpec
from gepa_next.runner.call_pool import aside
from gepa_next.runner.job_run import Models, ModelsFor, SayWaiting
from gepa_next.runner.ledger import RoleModel
from gepa_next.runner.tenure import Tenure
from gepa_next.store.ledger import has_answered

NoteRetry = Callable[[Role, str], None]


def take_no_note(_role: Role, _fault: str) -> None:
    """Take no note of a request that is sent again."""


def models_at(
    ids: Mapping[Role, str],
    providers: Mapping[Role, Provider],
    turnstile: Turnstile,
    programs: Programs | None = None,
    *,
    note_retry: NoteRetry = take_no_note,
) -> ModelsFor:
    """Return what makes a job's models, all through the one turnstile; a role without a provider is simulated."""
    simulator = Simulator()

    def models(job_id: str, spec: JobSpec, tenure: Tenure, say_waiting: SayWaiting) -> Models:
        called = dict(providers)
        if programs and spec.program_url:
            called[Role.TARGET] = programs.provider(spec.program_url)
        traffic = Traffic(say_waiting, aside)
        made = _JobModels(
            job_id=job_id,
            tenure=tenure,
            ids={**ids, Role.TARGET: spec.target_model_id},
            calls_program=bool(spec.program_url),
            providers=called,
            lanes={each: _lane(each, turnstile, traffic, called) for each in set(called.values())},
            note_retry=note_retry,
        )
        simulated = {role: _simulated(ids[role], simulator) for role in ids if role not in called}
        return simulated | {role: made.at_provider(role) for role in called}

    return models


def _simulated(model_id: str, simulator: Simulator) -> RoleModel:
    return RoleModel(model_id=model_id, endpoint="simulator", ask=simulator, is_free=True)


def _lane(provider: Provider, turnstile: Turnstile, traffic: Traffic, called: Mapping[Role, Provider]) -> Lane:
    roles = tuple(role for role in Role if called.get(role) is provider)
    return Lane(turnstile, provider.throttle, traffic, endpoint=provider.endpoint.host, roles=roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class _JobModels:
    """What the models of one job are made from."""

    job_id: str
    tenure: Tenure
    ids: Mapping[Role, str]
    calls_program: bool
    providers: Mapping[Role, Provider]
    lanes: Mapping[Provider, Lane]
    note_retry: NoteRetry

    def at_provider(self, role: Role) -> RoleModel:
        """Return the model that plays the role."""
        provider, model_id = self.providers[role], self.ids[role]
        is_program = self.calls_program and role is Role.TARGET
        kind = ProgramModel if is_program else HttpModel
        ask = kind(
            provider=provider,
            model_id=model_id,
            request_id=self._request_id,
            proven=lambda: has_answered(self.tenure.database, self.job_id, model_id=model_id, roles=self._alike(role)),
            wait=self.tenure.wait,
            permit=self.tenure.permit,
            lane=self.lanes[provider],
            note_retry=self.note_retry,
        )
        return RoleModel(model_id=model_id, endpoint=provider.endpoint.base_url, ask=ask, is_free=is_program)

    def _alike(self, role: Role) -> list[Role]:
        """Return the roles that the same model plays in the same place."""
        at = self.providers
        return [each for each in at if at[each] is at[role] and self.ids[each] == self.ids[role]]

    def _request_id(self, call: ModelCall) -> str:
        return f"{self.job_id}/{call.key}"
