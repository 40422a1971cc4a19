"""A small world for the engine: requests of a few kinds, models that are pure functions of the call, and fan-outs.

A request of kind-3 wants answer-3. The target knows only the rules that its prompt states, the judge knows what is
wanted, and the reflector turns the worst case's feedback into a rule.
"""

import random
import re
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from gepa_next.errors import ModelError
from gepa_next.gepa.engine import SYNTHETIC_INPUTS, optimize
from gepa_next.gepa.ports import Control, FanOut, LanguageModel, Metric
from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.state import State
from gepa_next.gepa.steps import Delta, Step
from gepa_next.gepa.types import (
    Budget,
    CallUsage,
    Candidate,
    Completion,
    Decision,
    Example,
    ModelCall,
    Role,
    Rollout,
    Split,
    Task,
    Verdict,
)

Item = TypeVar("Item")
Result = TypeVar("Result")
Handler = Callable[[ModelCall], object]

SEED_PROMPT = "Answer the customer's request."
KINDS = 5
USAGE = CallUsage(sends=1, input_tokens=10, output_tokens=5, cost_usd=0.001)
CASE = re.compile(
    r"<input-(\w{8})>\n(.*?)\n</input-\1>\n<output-\1>\n.*?\n</output-\1>\n<feedback-\1>\n(.*?)\n</feedback-\1>",
    re.DOTALL,
)
_INSTRUCTIONS = re.compile(r"<instructions-(\w{8})>\n(.*?)\n</instructions-\1>", re.DOTALL)
_ANSWER = re.compile(r"<answer-(\w{8})>\n(.*?)\n</answer-\1>", re.DOTALL)
_NUMBER = re.compile(r"(?<=[a-z])-[0-9a-f]{8}(?=>)")


def text_of(call: ModelCall) -> str:
    return "\n".join(message.content for message in call.messages)


def without_numbers(text: str) -> str:
    """Return a message with its fences made plain tags."""
    return _NUMBER.sub("", text)


def kind_of(text: str) -> str:
    return str(re.findall(r"kind-(\d)", text)[-1])


def follows_rules(call: ModelCall) -> str:
    kind = kind_of(call.messages[-1].content)
    rule = re.search(rf"kind-{kind}: (answer-\d)", call.messages[0].content)
    return rule[1] if rule else "I cannot say."


def compares(call: ModelCall) -> JudgeReply:
    found = _ANSWER.search(text_of(call))
    assert found is not None
    wanted = f"answer-{kind_of(text_of(call).partition('</input-')[0])}"
    return JudgeReply(feedback=f"Wanted: {wanted}.", score=10 if found[2] == wanted else 0)


def learns(call: ModelCall) -> PromptReply | AdditionReply | InputsReply:
    if call.reply_type is InputsReply:
        return InputsReply(inputs=[each.input for each in requests(SYNTHETIC_INPUTS)])
    found = _INSTRUCTIONS.search(text_of(call))
    rules = [f"kind-{kind_of(given)}: answer-{kind_of(given)}" for _, given, _ in CASE.findall(text_of(call))]
    rule = rules[0] if rules else "kind-0: answer-9"
    lesson = f"{rule.replace(':', ' wants')} and nothing else"
    if call.reply_type is AdditionReply:
        return AdditionReply(lesson=lesson, addition=rule)
    return PromptReply(lesson=lesson, prompt=f"{found[2] if found else ''}\n{rule}")


@dataclass
class Models:
    """The three models, each replaceable; `calls` holds what they were asked."""

    target: Handler = follows_rules
    judge: Handler = compares
    reflector: Handler = learns
    calls: list[ModelCall] = field(default_factory=list)

    def __call__(self, call: ModelCall) -> Completion:
        self.calls.append(call)
        answer = {Role.TARGET: self.target, Role.JUDGE: self.judge, Role.REFLECTOR: self.reflector}[call.role](call)
        if isinstance(answer, str):
            return Completion(text=answer, usage=USAGE)
        return Completion(text="{}", reply=answer, usage=USAGE)

    def asked(self, role: Role) -> list[ModelCall]:
        return [call for call in self.calls if call.role is role]


def down(call: ModelCall) -> str:
    raise ModelError("timeout", "the model is down", cost_usd=0.0)


def silent(call: ModelCall) -> str:
    raise ModelError("empty", "an answer without text", input_tokens=10, cost_usd=0.001)


def flaky(handler: Handler, *, share: float) -> Handler:
    """Fail for a share of the keys, the same ones every time."""

    def wrapped(call: ModelCall) -> object:
        return down(call) if random.Random(call.key).random() < share else handler(call)  # noqa: S311 - seeded

    return wrapped


def requests(count: int, *, ideals: bool = False) -> tuple[Example, ...]:
    return tuple(
        Example(
            id=f"r{n:03}",
            input=f"Request {n:03}, which is of kind-{n % KINDS}",
            ideal=f"answer-{n % KINDS}" if ideals else None,
        )
        for n in range(count)
    )


def task_of(examples: Sequence[Example], *, max_rollouts: int = 2000, **changes: Any) -> Task:
    splits = divide(examples, default_sizes(len(examples)), seed=1)
    task = Task(
        prompt=SEED_PROMPT,
        train=splits.train,
        validation=splits.validation,
        test=splits.test,
        budget=Budget(max_rollouts=max_rollouts),
        seed=1,
        iterations=8,
        population=3,
    )
    return replace(task, **changes)


def never(_: str, reason: str | None = None) -> str | None:
    return reason


def run_of(
    given: Task | State,
    model: LanguageModel,
    *,
    fan_out: FanOut = map,
    control: Control = never,
    metric: Metric | None = None,
    judge_weight: float = 0.0,
    program_weight: float = 0.0,
) -> Run:
    state = given if isinstance(given, State) else State(given)
    return Run(
        state=state,
        model=model,
        fan_out=fan_out,
        control=control,
        metric=metric,
        judge_weight=judge_weight,
        program_weight=program_weight,
    )


@dataclass
class Ended:
    """A run that was carried to its end."""

    state: State
    steps: list[Step]

    @property
    def result(self) -> dict[str, Any]:
        return dict(self.steps[-1].data)

    @property
    def reasons(self) -> set[str]:
        return {each.reason for each in self.state.candidates.values()}


def carried_out(run: Run) -> Ended:
    return Ended(state=run.state, steps=list(optimize(run)))


def ended(given: Task | State, model: LanguageModel, **ports: Any) -> Ended:
    return carried_out(run_of(given, model, **ports))


def folded(task: Task, deltas: Iterable[Delta]) -> State:
    state = State(task)
    for delta in deltas:
        state.apply(delta)
    return state


def in_shuffled_order(seed: int) -> FanOut:
    """Return a fan-out over threads that begins, and so mostly ends, in another order than submitted."""
    rng = random.Random(seed)  # noqa: S311 - for repetition, not for secrets

    def fan_out(function: Callable[[Item], Result], items: Iterable[Item], /) -> list[Result]:
        given = list(items)
        order = rng.sample(range(len(given)), len(given))
        with ThreadPoolExecutor(4) as pool:
            futures = {place: pool.submit(function, given[place]) for place in order}
        return [futures[place].result() for place in range(len(given))]

    return fan_out


def metric_of_kinds(example: Example, output: str) -> Verdict:
    wanted = f"answer-{kind_of(example.input)}"
    return Verdict(score=float(output == wanted), feedback=f"Wanted: {wanted}.")


def state_with(task: Task, *candidates: Candidate, scores: dict[tuple[int, str], float] | None = None) -> State:
    """Return a state in which the candidates are accepted and have these scores."""
    rollouts = tuple(
        Rollout(candidate_id=candidate_id, example_id=example_id, split=Split.VALIDATION, score=score)
        for (candidate_id, example_id), score in (scores or {}).items()
    )
    return folded(task, [Delta(rollouts=rollouts, candidates=candidates)])


def accepted(candidate_id: int, text: str, *parents: int) -> Candidate:
    decision = Decision.ACCEPTED if parents else Decision.SEED
    return Candidate(id=candidate_id, text=text, parents=parents, decision=decision)
