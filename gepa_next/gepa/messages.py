"""The messages that the three models are sent."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import inf

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
    """Return the question to the judge; the output stands between lines that it cannot have foreseen."""
    nonce = sha256("\0".join((example.id, example.input, rubric, output)).encode()).hexdigest()[:16]
    ideal = f"\nA perfect answer:\n{block('ideal', example.ideal)}\n" if example.ideal is not None else ""
    wanted = rubric or ("" if example.ideal is not None else DEFAULT_RUBRIC)
    text = _fill(
        "judge",
        input=block("input", example.input),
        ideal=ideal,
        rubric=f"\nWhat counts:\n{block('rubric', wanted)}\n" if wanted else "",
        fence=f"=====answer {nonce}=====",
        output=output,
    )
    return (Message("user", text),)


def reflector_messages(
    template: str,
    parent: Candidate,
    cases: Sequence[tuple[Example, Rollout]],
    *,
    lessons: Iterable[Lesson],
    task: Task,
    other: str = "",
    component: str = "",
    longest: int = LONGEST_SHOWN,
) -> tuple[Message, ...]:
    """Return the question to the reflector: the prompt, what it did and the feedback, and what is known.

    Where the prompt is a component of a program, the other components are shown beside it. A text of a case that has
    more than `longest` characters is shown without its middle.
    """
    known = "".join(f"- {lesson.text}\n" for lesson in lessons)
    text = _fill(
        template,
        prompt=block("instructions", parent.text),
        other=block("instructions", other),
        component=_beside(parent, component),
        cases="\n".join(_case(example, rollout, longest) for example, rollout in cases),
        lessons=f"\nLessons of earlier attempts:\n{known}" if known else "",
        limits=_limits_of_addition(task, parent) if template == "constrain" else _limits(task),
    )
    return (Message("user", text),)


def inputs_messages(prompt: str, count: int) -> tuple[Message, ...]:
    """Return the question that drafts task inputs from a prompt alone."""
    return (Message("user", _fill("inputs", prompt=block("instructions", prompt), count=str(count))),)


def block(tag: str, text: str) -> str:
    """Wrap a text in a tag that the text does not close."""
    if f"</{tag}>" in text:
        tag = f"{tag}-{sha256(text.encode()).hexdigest()[:8]}"
    return f"<{tag}>\n{text}\n</{tag}>"


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


def _case(example: Example, rollout: Rollout, longest: int) -> str:
    score = "" if rollout.score is None else f"Score {rollout.score:.2f}. "
    texts = {"input": example.input, "output": rollout.output, "feedback": score + rollout.feedback}
    blocks = (block(tag, without_middle(text, longest)) for tag, text in texts.items())
    return "\n".join(("<case>", *blocks, "</case>"))


def _beside(parent: Candidate, component: str) -> str:
    others = {name: text for name, text in parent.prompts.items() if name != component}
    if not component or not others:
        return ""
    parts = "\n".join(f"Part {name}:\n{block('part', text)}" for name, text in others.items())
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
