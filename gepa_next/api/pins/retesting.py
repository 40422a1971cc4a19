"""What a re-test is made of: the version, what it is compared with, and examples of the bank."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from gepa_next.api.edge.wiring import Wiring
from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.costs import refuse_unknowable_cost
from gepa_next.api.jobs.intake import SIMULATED_PREFIX, check_ideals
from gepa_next.api.jobs.programs import refuse_unlisted
from gepa_next.api.jobs.schemas import LimitsBody, RetestBody
from gepa_next.errors import ConflictError, InvalidError, NotFoundError
from gepa_next.gepa.retest import rollouts_of_retest
from gepa_next.gepa.splits import SplitSizes
from gepa_next.gepa.types import Budget, Example, Pinned
from gepa_next.metrics import asks_judge
from gepa_next.models import BankExample, JobSpec, PinnedVersion, Retest
from gepa_next.store.bank import list_examples
from gepa_next.store.pins import get_version
from gepa_next.store.retests import Newest, list_named_examples, list_new_examples

MOST_NEW = 1000


@dataclass(frozen=True, slots=True)
class _Rival:
    """What the version is compared with; 0 is the seed prompt of its job."""

    number: int
    text: str
    prompts: Mapping[str, str]


def asked_of_retest(
    parts: Wiring, token_id: str, version: PinnedVersion, body: RetestBody
) -> tuple[JobSpec, tuple[Example, ...], Newest | None]:
    """Return the spec and examples of a re-test, and how far it takes the bank's new examples if it does.

    InvalidError for what the body cannot have, ConflictError where the version as it is cannot be tested again.
    """
    _refuse_unrunnable(parts, version)
    rival = _rival(parts, token_id, version, body.against)
    found = _chosen(parts, token_id, version, body)
    distinct = {(each.example.input, each.example.ideal): each.example for each in reversed(found)}
    examples = tuple(reversed(distinct.values()))
    _check_usable(version.spec, examples)
    spec = _spec(version, rival, body, len(examples))
    refuse_unknowable_cost(parts.roles, spec)
    upto = max(Newest(each.created_at, each.example.id) for each in found) if body.examples is None else None
    return spec, examples, upto


def _refuse_unrunnable(parts: Wiring, version: PinnedVersion) -> None:
    if version.spec.program_url is not None:
        refuse_unlisted(version.spec.program_url, parts.programs)
    elif not parts.roles.simulated and version.spec.target_model_id.startswith(SIMULATED_PREFIX):
        raise ConflictError("not_retestable", "the version is from the simulator, which is off on this server")


def _rival(parts: Wiring, token_id: str, version: PinnedVersion, against: int | None) -> _Rival:
    """Return the version asked for, else the one that was active before, else the seed prompt, if it differs."""
    if against is not None:
        rival = _seed(version) if against == 0 else _of_version(parts, token_id, version, against)
        if (problem := _problem(version, rival)) is not None:
            raise invalid("against", problem)
        return rival
    rivals = [_seed(version)]
    if version.previous is not None:
        rivals.insert(0, _of_version(parts, token_id, version, version.previous))
    for rival in rivals:
        if _problem(version, rival) is None:
            return rival
    raise ConflictError("not_retestable", "the version is the seed prompt of its job, and there is nothing before it")


def _seed(version: PinnedVersion) -> _Rival:
    return _Rival(0, version.spec.prompt, version.spec.prompts)


def _of_version(parts: Wiring, token_id: str, version: PinnedVersion, number: int) -> _Rival:
    try:
        found = get_version(parts.database, token_id, version.name, number)
    except NotFoundError:
        raise invalid("against", "there is no such version") from None
    return _Rival(number, found.text, found.prompts)


def _problem(version: PinnedVersion, rival: _Rival) -> str | None:
    if version.prompts.keys() != rival.prompts.keys():
        return "it has other components than the active version"
    if (version.text, version.prompts) == (rival.text, rival.prompts):
        return "it is the same text as the active version"
    return None


def _chosen(parts: Wiring, token_id: str, version: PinnedVersion, body: RetestBody) -> list[BankExample]:
    wanted, database = body.examples, parts.database
    if wanted is None:
        if not (found := list_new_examples(database, token_id, version, limit=MOST_NEW)):
            raise ConflictError("not_retestable", "the bank has no new examples for this version; say which to take")
        return found
    if wanted.ids:
        return _named(list_named_examples(database, token_id, wanted.ids), wanted.ids)
    if not (found := list_examples(database, token_id, tags=wanted.tags, limit=wanted.limit, after=None)):
        raise invalid("examples", "the bank has no such examples")
    return found


def _named(found: list[BankExample], ids: tuple[str, ...]) -> list[BankExample]:
    if missing := set(ids) - {each.example.id for each in found}:
        raise invalid("examples.ids", f"the bank has no example {min(missing)}")
    return found


def _check_usable(spec: JobSpec, examples: tuple[Example, ...]) -> None:
    try:
        check_ideals(spec.metric, examples)
    except InvalidError as error:
        raise invalid("examples", error.details[0][1]) from None


def _spec(version: PinnedVersion, rival: _Rival, body: RetestBody, count: int) -> JobSpec:
    pinned = Pinned(text=version.text, prompts=version.prompts, tolerance=body.tolerance)
    return replace(
        version.spec,
        prompt=rival.text,
        prompts=rival.prompts,
        iterations=1,
        population=1,
        minibatch=1,
        split=SplitSizes(train=count, validation=count, test=0),
        budget=_budget(body.budget, count, judged=asks_judge(version.spec.metric)),
        keep=(),
        max_prompt_tokens=None,
        cache=version.spec.cache if body.cache is None else body.cache,
        metadata=body.metadata,
        retest=Retest(name=version.name, version=version.number, against=rival.number, pinned=pinned),
    )


def _budget(given: LimitsBody, count: int, *, judged: bool) -> Budget:
    """Return the limits; each example takes two rollouts, and a limit that has no room for them is refused."""
    rollouts = rollouts_of_retest(count)
    for name, limit, least in (
        ("max_rollouts", given.max_rollouts, rollouts),
        ("max_calls", given.max_calls, rollouts * (2 if judged else 1)),
    ):
        if limit is not None and limit < least:
            raise invalid(f"budget.{name}", f"at least {least}, for both prompts on {count} examples")
    limits = given.model_dump()
    return Budget(**{**limits, "max_rollouts": given.max_rollouts or rollouts})
