"""GEPA: the loop from the seed evaluation to the final test, as a generator of steps."""

from collections.abc import Iterator, Sequence

from gepa_next.errors import InvalidError, ModelError
from gepa_next.gepa.champion import final_test
from gepa_next.gepa.iteration import iterate
from gepa_next.gepa.messages import inputs_messages
from gepa_next.gepa.near_duplicates import near_duplicates
from gepa_next.gepa.noise import measure_noise
from gepa_next.gepa.outages import most_common_failure
from gepa_next.gepa.proposers.reflect import REFLECTION_MAX_TOKENS
from gepa_next.gepa.replies import InputsReply
from gepa_next.gepa.retest import run_pinned, told_retest
from gepa_next.gepa.rollouts import NOTHING_MADE, Made, make_rollouts, missing
from gepa_next.gepa.run import Run, exceeded, stop_reason
from gepa_next.gepa.spending import spent_on
from gepa_next.gepa.state import State, reaches_target
from gepa_next.gepa.statistics import mean
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import Candidate, Example, ModelCall, Role

MOST_TRIED_ALONE = 3
SYNTHETIC_INPUTS = 18  # at most: a third of them are held out, and six is the least a test can conclude from


def optimize(run: Run) -> Iterator[Step]:
    """Yield every step of the run, from wherever its state stands, to the step `finished`.

    Each step is already applied to the state when it is yielded, and not before: whoever records
    all steps can fold them to the same state. A ProviderError or Interrupted of a port passes through.
    """
    for step in _steps(run):
        run.state.apply(step.delta)
        yield step


def _steps(run: Run) -> Iterator[Step]:
    if not run.state.is_seeded:
        yield from _prepare(run)
    pinned = run.state.task.pinned
    while (reason := stop_reason(run)) is None:
        if pinned is None and run.state.iteration == 0 and run.state.noise is None:
            yield from measure_noise(run)
        yield from iterate(run) if pinned is None else run_pinned(run, pinned)
    yield from final_test(run, reason) if pinned is None else told_retest(run.state, pinned, reason)


def _prepare(run: Run) -> Iterator[Step]:
    if not run.state.task.train:
        yield _drafted_examples(run)
    state = run.state
    yield _examples_step(state)
    seed = Candidate(id=0, text=state.task.prompt, prompts=state.task.prompts)
    made = _seed_rollouts(run, seed)
    scores = [*state.scores(0, state.task.validation).values(), *_scores(made)]
    if not scores:
        raise _nothing_scored(made)
    if made.outage is not None:
        raise made.outage
    yield _seed_step(seed, made, mean(scores), is_new=0 not in state.candidates)


def _drafted_examples(run: Run) -> Step:
    call = ModelCall(
        role=Role.REFLECTOR,
        key="0/reflector/inputs",
        messages=inputs_messages(run.state.task.prompt, SYNTHETIC_INPUTS),
        reply_type=InputsReply,
        max_tokens=REFLECTION_MAX_TOKENS,
    )
    answer = next(iter(run.fan_out(run.model, [call])))  # as all calls are made: others wait for it or give it up
    inputs = answer.reply.inputs if isinstance(answer.reply, InputsReply) else []
    distinct = list(dict.fromkeys(text.strip() for text in inputs if text.strip()))[:SYNTHETIC_INPUTS]
    if not distinct:
        raise ModelError("no_examples", "the reflector drafted no inputs; send examples with the prompt")
    examples = _unlike([Example(id=f"synthetic-{n}", input=text, synthetic=True) for n, text in enumerate(distinct, 1)])
    return Step(
        key="0/drafted",
        stage="examples",
        data={"iteration": 0, "synthetic": len(examples)},
        delta=Delta(examples=examples, spending=spent_on(Role.REFLECTOR, answer.usage)),
    )


def _unlike(drafted: Sequence[Example]) -> tuple[Example, ...]:
    """Return the examples without those that are nearly the same as another."""
    while groups := near_duplicates(drafted):
        repeated = {example_id for group in groups for example_id in group[1:]}
        drafted = [each for each in drafted if each.id not in repeated]
    return tuple(drafted)


def _seed_rollouts(run: Run, seed: Candidate) -> Made:
    """Run the seed prompt on one example until one is scored and paid, which tells what it costs, then on the rest.

    So a wrong key or a budget that is too small shows before much is spent.
    """
    pairs = missing(run, seed, run.state.deciding)
    _refuse_small(exceeded(run, rollouts=len(pairs)))
    made = NOTHING_MADE
    for pair in pairs if run.counts_tokens_or_money else pairs[:MOST_TRIED_ALONE]:
        made = make_rollouts(run, [pair], after=made)
        if made.outage is not None:
            return made
        if made.rollouts[-1].score is not None and all(each.answered for each in made.spending.values()):
            break
    rest = pairs[len(made.rollouts) :]
    _refuse_small(exceeded(run, rollouts=len(rest), unrecorded=made.spending))
    return _confirmed(run, seed, make_rollouts(run, rest, after=made))


def _confirmed(run: Run, seed: Candidate, made: Made) -> Made:
    """Run a seed prompt that has the target score on all examples that could decide, if there is room for it."""
    scores = _scores(made)
    if made.outage or not scores or not reaches_target(sum(scores) / len(scores), run.state.task):
        return made
    run_on = {rollout.example_id for rollout in made.rollouts}
    left = missing(run, seed, [each for each in run.state.task.validation if each.id not in run_on])
    fits = exceeded(run, rollouts=len(made.rollouts) + len(left), unrecorded=made.spending) is None
    return make_rollouts(run, left, after=made) if fits else made


def _refuse_small(limit: str | None) -> None:
    if limit is not None:
        message = "too small to score the seed prompt and make the final test"
        raise InvalidError(f"budget.{limit} is {message}", [(f"budget.{limit}", message)], code="budget_too_small")


def _examples_step(state: State) -> Step:
    task = state.task
    sizes = {"train": len(task.train), "validation": len(task.validation), "test": len(task.test)}
    return Step(key="0/examples", stage="examples", data={"iteration": 0, **sizes, "seed": task.seed})


def _scores(made: Made) -> list[float]:
    return [rollout.score for rollout in made.rollouts if rollout.score is not None]


def _seed_step(seed: Candidate, made: Made, score: float, *, is_new: bool) -> Step:
    data = {
        "iteration": 0,
        "candidate_id": 0,
        "score": score,
        "best_score": score,
        "rollouts": len(made.rollouts),
        "errors": len(made.rollouts) - len(_scores(made)),
    }
    candidates = (seed,) if is_new else ()
    delta = Delta(rollouts=made.rollouts, candidates=candidates, spending=made.spending, iteration=0, checkpoint=True)
    return Step(key="0/seed", stage="seed", data=data, delta=delta)


def _nothing_scored(made: Made) -> ModelError:
    tried, most = len(made.rollouts), most_common_failure(made.rollouts)
    which = f"none of the first {tried} outputs" if tried > 1 else "not one output"
    others = f", {most.times} of them {most.code}" if most.times < tried else ""
    said = f"{which} of the seed prompt could be scored{others}: {most.said}".rstrip(".")
    return ModelError(most.code, f"{said}. Put that right, then resume the job.")
