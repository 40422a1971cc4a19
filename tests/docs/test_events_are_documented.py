"""Every event type and stage, with every field of its data, stands in the page on the event stream."""

import json
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

import gepa_next
from gepa_next.errors import ModelError
from gepa_next.gepa.engine import optimize
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.run import Run
from gepa_next.gepa.splits import default_sizes, divide
from gepa_next.gepa.state import State
from gepa_next.gepa.types import Budget, Completion, Example, ModelCall, Pinned, Role, Task
from gepa_next.llm.simulator import Simulator
from gepa_next.models import TERMINAL_EVENTS
from tests.docs.pages import page, row_of, words_in_code

PACKAGE = Path(gepa_next.__file__).parent
COMMON = {"stage", "iteration", "elapsed_s", "eta_s", "calls", "cost_usd"}


def sources(folder: str) -> str:
    return "\n".join(path.read_text(encoding="utf-8") for path in (PACKAGE / folder).rglob("*.py"))


def stages_in_the_code() -> set[str]:
    found = re.findall(r'\bstage="(\w+)"|_told\(state, proposal, "(\w+)"', sources("gepa"))
    return {stage for pair in found for stage in pair if stage} - {"finished"}  # becomes an event of that type


def types_in_the_code() -> set[str]:
    lines = re.findall(r"\bkind\s*=\s*(\"[^\n]*)", sources("store"))
    return {word for line in lines for word in re.findall(r'"(\w+)"', line.split(", ")[0])}


def task_of(examples: tuple[Example, ...], **changes: object) -> Task:
    splits = divide(examples, default_sizes(len(examples)), seed=7)
    task = Task(
        prompt="Which team should take this message?",
        train=splits.train,
        validation=splits.validation,
        test=splits.test,
        budget=Budget(max_rollouts=5000),
        seed=7,
        iterations=6,
    )
    return replace(task, **changes)


def seen(task: Task, model: LanguageModel) -> dict[str, set[str]]:
    """Return the fields of each stage's data in a run on the simulator."""
    run = Run(state=State(task), model=model, fan_out=map, control=lambda _, reason=None: reason)
    fields: dict[str, set[str]] = defaultdict(set)
    for step in optimize(run):
        fields[step.stage] |= set(step.data)
    return fields


def forgetful(call: ModelCall) -> Completion:
    """Answer as the simulator does, but let the judge fail now and then."""
    if call.role is Role.JUDGE and call.key.endswith("7"):
        raise ModelError("timeout", "no answer at all")
    return Simulator()(call)


@pytest.fixture(scope="module")
def fields() -> Mapping[str, set[str]]:
    packaged = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))["examples"]
    examples = tuple(Example(id=each["id"], input=each["input"], ideal=each["ideal"]) for each in packaged)
    found: dict[str, set[str]] = defaultdict(set)
    few, lost = examples[:12], Pinned(text="Ha.", tolerance=-1.1)  # each example is lost
    retest = task_of(few, train=few, validation=few, test=(), iterations=1, pinned=lost)
    for task in (task_of(examples), task_of(()), retest):
        for stage, names in seen(task, forgetful).items():
            found[stage] |= names
    return found


@pytest.mark.parametrize("kind", sorted(types_in_the_code() | TERMINAL_EVENTS))
def test_every_event_type_is_documented(kind: str) -> None:
    assert row_of("SSE.md", kind)


def test_the_types_are_found_in_the_code() -> None:
    assert types_in_the_code() >= TERMINAL_EVENTS | {"started", "progress", "resumed"}


@pytest.mark.parametrize("stage", sorted(stages_in_the_code()))
def test_every_stage_is_documented(stage: str) -> None:
    assert row_of("SSE.md", stage)


def test_the_runs_show_what_happens_in_every_job_and_nothing_that_is_not_in_the_code(
    fields: Mapping[str, set[str]],
) -> None:
    always = {"seed", "evaluate", "generate", "select", "iteration"}
    assert {"retest", "loss"} <= set(fields)
    assert always <= set(fields) - {"finished"} <= stages_in_the_code()


@pytest.mark.parametrize("stage", sorted(stages_in_the_code()))
def test_every_field_of_a_stage_is_documented(fields: Mapping[str, set[str]], stage: str) -> None:
    assert fields[stage] - COMMON <= words_in_code(row_of("SSE.md", stage)[2])


def test_every_field_of_a_result_is_documented(fields: Mapping[str, set[str]]) -> None:
    assert fields["finished"] <= words_in_code(page("API.md"))


@pytest.mark.parametrize("name", sorted(COMMON))
def test_the_fields_that_all_stages_have_are_documented(name: str) -> None:
    assert name in words_in_code(page("SSE.md"))
