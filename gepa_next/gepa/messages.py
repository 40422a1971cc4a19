"""The messages that the three models are sent."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import inf

from gepa_next.gepa.fences import Fence, fence_for
from gepa_next.gepa.guards import placeholders, tokens_left
from gepa_next.gepa.types import Candidate, Example, Lesson, Message, Rollout, Task

INPUT_PLACEHOLDER = "{input}"
LONGEST_SHOWN = 6000  # characters of one text of a case
WORDS_PER_TOKEN = 0.6  # cautious: the guard counts four characters to the token
DEFAULT_RUBRIC = "The answer does what the input asks for: right, complete, in the form asked for, nothing besides."


def target_messages(prompt: str, example_input: str) -> tuple[Message, ...]:
    """Return the candidate as system message, or as one user message where it has a place for the input."""
    if INPUT_PLACEHOLDER in prompt:
        return (Message("user", prompt.replace(INPUT_PLACEHOLDER, example_input)),)
    return (Message("system", prompt), Message("user", example_input))


def judge_messages(example: Example, output: str, rubric: str) -> tuple[Message, ...]:
    """Return the question to the judge, with each text between lines that none of them can contain."""
    ideal, wanted = example.ideal, rubric or ("" if example.ideal is not None else DEFAULT_RUBRIC)
    fence = fence_for((example.id, example.input, ideal or "", wanted), also=output)
    text = _fill(
        "judge",
        number=fence.number,
        input=fence.around("input", example.input),
        ideal=f"\nA perfect answer:\n{fence.around('ideal', ideal)}\n" if ideal is not None else "",
        rubric=f"\nWhat counts:\n{fence.around('rubric', wanted)}\n" if wanted else "",
        answer=fence.around("answer", output),
    )
    return (Message("user", text),)


def reflector_messages(
    template: str,
    parent: Candidate,
    cases: Sequence[tuple[Example, Rollout]],
    *,
    lessons: Iterable[Lesson],
    task: Task,
    component: str = "",
    longest: int = LONGEST_SHOWN,
) -> tuple[Message, ...]:
    """Return the question to the reflector: the prompt, what it did and the feedback, and what is known.

    Where the prompt is a component of a program, the other components are shown beside it. A text of a case that has
    more than `longest` characters is shown without its middle.
    """
    shown = [_Case.of(example, rollout, longest) for example, rollout in cases]
    known = "".join(f"- {lesson.text}\n" for lesson in lessons)
    beside = {name: text for name, text in parent.prompts.items() if component and name != component}
    given = (parent.text, *beside.values(), *(text for case in shown for text in case.texts), known, *task.keep)
    fence = fence_for(given)
    text = _fill(
        template,
        number=fence.number,
        prompt=fence.around("instructions", parent.text),
        component=_beside(fence, beside, component),
        cases="\n".join(case.fenced(fence) for case in shown),
        lessons=f"\nLessons of earlier attempts:\n{fence.around('lessons', known.rstrip())}\n" if known else "",
        limits=_limits_of_addition(task, parent) if template == "constrain" else _limits(task),
    )
    return (Message("user", text),)


def inputs_messages(prompt: str, count: int) -> tuple[Message, ...]:
    """Return the question that drafts task inputs from a prompt alone."""
    fenced = fence_for((prompt,)).around("instructions", prompt)
    return (Message("user", _fill("inputs", prompt=fenced, count=str(count))),)


@cache
def template_text(name: str) -> str:
    """Return a template of `prompts/` by name."""
    return files("gepa_next.gepa").joinpath("prompts", f"{name}.md").read_text(encoding="utf-8").strip()


def without_middle(text: str, longest: int) -> str:
    """Return head and tail of a text of more than so many characters, and between them how much is left out."""
    half = longest // 2
    left_out = len(text) - 2 * half
    if len(text) <= longest:
        return text
    return f"{text[:half]}\n[... {left_out} characters left out ...]\n{text[len(text) - half :]}"


@dataclass(frozen=True, slots=True)
class _Case:
    """What a prompt did with one input, as it is shown."""

    input: str
    output: str
    feedback: str

    @classmethod
    def of(cls, example: Example, rollout: Rollout, longest: int) -> "_Case":
        score = "" if rollout.score is None else f"Score {rollout.score:.2f}. "
        texts = (example.input, rollout.output, score + rollout.feedback)
        return cls(*(without_middle(text, longest) for text in texts))

    @property
    def texts(self) -> tuple[str, ...]:
        return self.input, self.output, self.feedback

    def fenced(self, fence: Fence) -> str:
        blocks = (
            fence.around(tag, text) for tag, text in zip(("input", "output", "feedback"), self.texts, strict=True)
        )
        return "\n".join((f"<case-{fence.number}>", *blocks, f"</case-{fence.number}>"))


def _beside(fence: Fence, others: Mapping[str, str], component: str) -> str:
    if not others:
        return ""
    parts = "\n".join(f"Part {name}:\n{fence.around('part', text)}" for name, text in others.items())
    return (
        f"\nThe assistant is a program. These instructions are its part {component}; the other parts stay:\n{parts}\n"
    )


def _limits(task: Task) -> str:
    lines = [f"Keep this text word for word: {text}" for text in (*sorted(placeholders(task.prompt)), *task.keep)]
    if task.max_prompt_tokens is not None:
        lines.append(f"Use at most {int(task.max_prompt_tokens * WORDS_PER_TOKEN)} words.")
    return "\n".join(lines)


def _limits_of_addition(task: Task, parent: Candidate) -> str:
    left = tokens_left(task, parent.text)
    return "" if left == inf else f"Use at most {int(max(left, 0) * WORDS_PER_TOKEN)} words."


def _fill(template: str, **values: str) -> str:
    # One pass, so that a value which itself contains a placeholder stays as it is.
    return re.sub(r"\{(\w+)\}", lambda found: values.get(found[1], found[0]), template_text(template))
