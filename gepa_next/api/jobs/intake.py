"""From a valid body to a complete job: defaults filled in, limits of this server checked."""

import secrets
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from gepa_next.api.edge.wrong_values import invalid
from gepa_next.api.jobs.schemas import MOST_EXAMPLES, BudgetBody, ExampleBody, OptimizeBody, SplitBody
from gepa_next.errors import ModelError
from gepa_next.gepa.components import joined
from gepa_next.gepa.engine import SYNTHETIC_INPUTS
from gepa_next.gepa.near_duplicates import near_duplicates
from gepa_next.gepa.pause import pause
from gepa_next.gepa.quote import usable_rollouts
from gepa_next.gepa.splits import SplitSizes, default_sizes, divide
from gepa_next.gepa.types import Budget, Example
from gepa_next.metrics import Chosen, asks_judge, deterministic_parts
from gepa_next.models import JobSpec, content_hash, content_id

DEFAULT_ITERATIONS = 10
SIMULATED_PREFIX = "sim/"
CHECKED_AT_ONCE = 20
_ROUNDING = 1e-6


def distinct_examples(bodies: Sequence[ExampleBody]) -> tuple[Example, ...]:
    """Return the examples with ids, identical ones once; InvalidError for an id given twice."""
    _refuse_twice(body.id for body in bodies if body.id is not None)
    kept: dict[tuple[str, str | None], Example] = {}
    for body in bodies:
        kept.setdefault((body.input, body.ideal), to_example(body))
    # A given id may be the very name that another example gets.
    _refuse_twice(example.id for example in kept.values())
    return tuple(kept.values())


def _refuse_twice(ids: Iterable[str]) -> None:
    example_id, times = next(iter(Counter(ids).most_common(1)), ("", 0))
    if times > 1:
        raise invalid("examples", f"two examples have the id {example_id}")


def to_example(body: ExampleBody) -> Example:
    """Return the example; without an id of its own it is named after its content."""
    return Example(
        id=body.id or content_id(content_hash(body.input, body.ideal)),
        input=body.input,
        ideal=body.ideal,
        tags=tuple(sorted(set(body.tags))),
        meta=body.meta,
    )


def complete_spec(
    body: OptimizeBody,
    examples: tuple[Example, ...],
    *,
    target_default: str,
    simulated: bool,
) -> JobSpec:
    """Return the spec with every default filled in; InvalidError names the first value that cannot be used."""
    refuse_simulator(body.target_model_id, simulated=simulated)
    _check(body, examples)
    iterations = body.iterations or DEFAULT_ITERATIONS
    seed = body.seed if body.seed is not None else secrets.randbits(31)
    split, together = _split_sizes(body.split, len(examples)), near_duplicates(examples)
    if examples:
        split = divide(examples, split, seed=seed, together=together).sizes
    return JobSpec(
        prompt=joined(body.components),
        prompts=body.components if body.program_url else {},
        program_url=body.program_url,
        target_model_id=body.program_url or body.target_model_id or target_default,
        metric=body.metric,
        rubric=body.rubric,
        iterations=iterations,
        population=body.population,
        minibatch=body.minibatch,
        split=split,
        budget=_budget(body, split, iterations),
        seed=seed,
        keep=body.constraints.keep,
        max_prompt_tokens=body.constraints.max_prompt_tokens,
        temperature=body.temperature,
        max_tokens=body.max_tokens,
        cache=body.cache,
        metadata=body.metadata,
        near_duplicates=together,
    )


def refuse_simulator(target_model_id: str | None, *, simulated: bool) -> None:
    """Raise InvalidError for a model of the simulator where there are real ones."""
    if not simulated and (target_model_id or "").startswith(SIMULATED_PREFIX):
        raise invalid("target_model_id", "the simulator is off: this server has real models")


def _check(body: OptimizeBody, examples: tuple[Example, ...]) -> None:
    check_ideals(body.metric, examples)
    for kept in body.constraints.keep:
        if not any(kept in text for text in body.components.values()):
            raise invalid("constraints.keep", "a text to keep does not occur in the prompt")
    if body.bank is not None and not examples:
        raise invalid("bank", "the bank has no such examples")
    if len(examples) > MOST_EXAMPLES:
        raise invalid("bank.limit", f"with those of the body more than {MOST_EXAMPLES} examples")


def check_ideals(chosen: Chosen, examples: tuple[Example, ...]) -> None:
    """Raise InvalidError unless every metric can use every example."""
    for part in deterministic_parts(chosen):
        path = "metric" if isinstance(chosen, str | Mapping) else f"metric.{part.place}"
        if part.metric.needs_ideal and not examples:
            raise invalid(path, f"{part.name} needs examples that all have an ideal")
        try:
            for number, example in enumerate(examples):
                part.metric.check(example)
                if number % CHECKED_AT_ONCE == 0:
                    pause()  # there may be thousands, and streams wait
        except ModelError as error:
            raise invalid(
                path, f"{part.name} needs examples that all have an ideal it can use: {error.message}"
            ) from None


def chosen_iterations(in_body: int | None, in_query: int | None, *, most: int) -> int:
    """Return how many iterations are asked for; InvalidError if it is said twice or more than the server allows."""
    if in_body is not None and in_query is not None and in_body != in_query:
        raise invalid("iterations", "query and body differ")
    chosen = in_body or in_query or min(DEFAULT_ITERATIONS, most)
    if chosen > most:
        raise invalid("iterations", f"at most {most} on this server (MAX_ITERATIONS)")
    return chosen


def _split_sizes(split: SplitBody | None, count: int) -> SplitSizes:
    if split is None:
        return default_sizes(count or SYNTHETIC_INPUTS)
    if not count:
        raise invalid("split", "a split needs examples")
    shares = (split.train, split.val, split.test)
    sizes = _by_fraction(shares, count) if any(isinstance(each, float) for each in shares) else _by_count(shares)
    if sizes.total > count:
        raise invalid("split", f"the split is larger than the {count} different examples")
    if min(sizes.train, sizes.validation) < 1:
        raise invalid("split", "train and val need at least one example each")
    return sizes


def _by_count(shares: tuple[int | float, ...]) -> SplitSizes:
    train, validation, test = (int(each) for each in shares)
    return SplitSizes(train=train, validation=validation, test=test)


def _by_fraction(shares: tuple[int | float, ...], count: int) -> SplitSizes:
    if abs(sum(shares) - 1) > _ROUNDING:
        raise invalid("split", "fractions must add up to 1")
    _, validation, test = (round(each * count) for each in shares)
    return SplitSizes(train=count - validation - test, validation=validation, test=test)


def _budget(body: OptimizeBody, split: SplitSizes, rounds: int) -> Budget:
    """Return the limits; `max_rollouts` defaults to all that the iterations can use."""
    given = body.budget
    refuse_too_small(given, split, judged=asks_judge(body.metric))
    usable = usable_rollouts(split, iterations=rounds, population=body.population, minibatch=body.minibatch)
    return Budget(
        max_rollouts=given.max_rollouts or usable,
        max_calls=given.max_calls,
        max_tokens=given.max_tokens,
        max_cost_usd=given.max_cost_usd,
        max_seconds=given.max_seconds,
        target_score=given.target_score if given.target_score is not None else 1.0,
        patience=given.patience,
    )


def refuse_too_small(given: BudgetBody | Budget, split: SplitSizes, *, judged: bool) -> None:
    """Raise InvalidError for a limit that has no room for the seed prompt and the final test."""
    fixed = split.validation + 2 * split.test
    if given.max_rollouts is not None and given.max_rollouts < fixed:
        raise invalid(
            "budget.max_rollouts",
            f"at least {fixed}: {split.validation} for the seed prompt and {2 * split.test} for the final test",
        )
    calls = fixed * (2 if judged else 1)
    if given.max_calls is not None and given.max_calls < calls:
        raise invalid("budget.max_calls", f"at least {calls}, for the seed prompt and the final test")
