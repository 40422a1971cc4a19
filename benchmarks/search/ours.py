"""Our engine on a simulated task, through the same ports as in the service."""

import re
from collections.abc import Callable, Iterable
from typing import Any

from benchmarks.search.models import Judged, Models
from benchmarks.search.reflector import Asked, Written, rules_in
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Decision, Example, ModelCall, Role, Task, Verdict
from gepa_next.llm.simulator.material import unfenced

NO_END = 1_000_000
_TAGGED = re.compile(r"<instructions[^>]*>\n(.*?)\n</instructions", re.DOTALL)
_CASE = re.compile(r"<input[^>]*>\n(.*?)\n</input.*?<feedback[^>]*>\n(.*?)\n</feedback", re.DOTALL)
_LESSONS = re.compile(r"\nLessons of earlier attempts:\n(.*?)\n\n", re.DOTALL)

FanOut = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


class Ports:
    """Model and metric of a run; the metric's verdict comes with the answer it is about."""

    def __init__(self, models: Models) -> None:
        self.models = models

    def model(self, call: ModelCall, /) -> Completion:
        """Answer as the simulated target or reflector."""
        if call.role is Role.TARGET:
            return Completion(text=self.models.answer(call.messages[0].content, call.messages[1].content))
        written = self._written(call)
        if call.reply_type is AdditionReply:
            return Completion(text="", reply=AdditionReply(lesson=written.lesson, addition=written.prompt))
        return Completion(text="", reply=PromptReply(lesson=written.lesson, prompt=written.prompt))

    def metric(self, example: Example, output: str, /) -> Verdict:
        """Score as the simulated metric."""
        score, feedback = self.models.judge(example.input, output)
        return Verdict(score=score, feedback=feedback)

    def _written(self, call: ModelCall) -> Written:
        text, reflector = unfenced(call.messages[0].content), self.models.reflect()
        asked, rng = asked_in(text), self.models.stream(text)
        if "in fewer words" in text:
            return reflector.shorten(asked, rng)
        if call.reply_type is AdditionReply:
            return reflector.add(asked, rng)
        return reflector.rewrite(asked, rng)


def asked_in(text: str) -> Asked:
    """Return what the engine's question to the reflector holds."""
    prompt, lessons = _TAGGED.search(text), _LESSONS.search(text)
    return Asked(
        prompt=prompt[1] if prompt else "",
        cases=_CASE.findall(text),
        praised=rules_in(lessons[1]) if lessons else (),
    )


def task_of(models: Models, max_rollouts: int) -> Task:
    """Return the task: train and validation are a half each, nothing is held out, for the benchmark does that."""
    world, half = models.world, len(models.world.examples) // 2
    ideals = world.family.ideals
    examples = tuple(Example(id=e.id, input=e.input, ideal=e.ideal if ideals else None) for e in world.examples)
    return Task(
        prompt=world.seed_prompt,
        train=examples[:half],
        validation=examples[half:],
        test=(),
        budget=Budget(max_rollouts=max_rollouts),
        seed=world.seed,
        iterations=NO_END,
    )


def optimise(models: Models, max_rollouts: int, fan_out: FanOut = map) -> list[Judged]:
    """Spend the budget in our way."""
    ports = Ports(models)
    run = Run(
        state=State(task_of(models, max_rollouts)),
        model=ports.model,
        fan_out=fan_out,
        control=lambda _, reason=None: reason,
        metric=ports.metric,
    )
    for step in optimize(run):
        if step.delta.candidates:
            models.note(run.state.leader.text)
    return judged_in(run.state)


def judged_in(state: State) -> list[Judged]:
    """Return what became of each proposal that was run."""
    return [
        Judged(each.text, state.candidates[each.parents[0]].text, each.decision is Decision.ACCEPTED)
        for each in state.candidates.values()
        if each.parents and each.compared
    ]
