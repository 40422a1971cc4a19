"""How many tokens a call of each role is taken to have, from a task's texts and stated assumptions."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import ceil

from gepa_next.gepa.lessons import LONGEST, SHOWN
from gepa_next.gepa.messages import LONGEST_SHOWN, judge_messages, reflector_messages, without_middle
from gepa_next.gepa.proposers.reflect import REFLECTION_MAX_TOKENS
from gepa_next.gepa.sampling import FURTHER_MINIBATCHES
from gepa_next.gepa.tokens import CHARACTERS_PER_TOKEN, count_tokens
from gepa_next.gepa.types import Candidate, Example, Message, Role, Rollout, Split, Task

# Assumed, in tokens, where the task does not tell.
DRAFTED_INPUT, LONGEST_DRAFTED_INPUT = 40, 200
ANSWER, LONGEST_ANSWER = 300, 2000  # of the target, when there are no ideals; when max_tokens is not set
BESIDES_IDEAL = 50  # what an answer has more than the ideal
FEEDBACK, LONGEST_FEEDBACK = 80, 1000  # the judge's reply
GROWTH = 200  # of candidates over the seed prompt, the mean over the calls of a job
LESSONS = 100  # all that one reflector is shown
MINIBATCHES_SHOWN, MOST_MINIBATCHES_SHOWN = 2, 1 + FURTHER_MINIBATCHES  # to one reflector
BESIDES_PROMPT = 60  # what a reflector's reply has more than the prompt

_MOST_SHOWN = count_tokens(without_middle(" " * 10**6, LONGEST_SHOWN))  # of one text of a case
_NOTHING = Example(id="", input="")
_NO_ROLLOUT = Rollout(candidate_id=0, example_id="", split=Split.TRAIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSize:
    """Tokens of one call."""

    input_tokens: int
    output_tokens: int


Sizes = Mapping[Role, CallSize]
NO_TOKENS = CallSize(input_tokens=0, output_tokens=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """Tokens of the texts that calls are made of."""

    prompt: int
    input: int
    ideal: int
    answer: int
    feedback: int
    lessons: int
    reflection: int
    cases: int


def expected_sizes(task: Task) -> Sizes:
    """Return the mean sizes to expect: real texts as they are on average, and assumptions for what is to be written."""
    examples = _examples(task)
    ideals = [each.ideal for each in examples if each.ideal is not None]
    answer = _mean(ideals) + BESIDES_IDEAL if ideals else ANSWER
    prompt = min(count_tokens(task.prompt) + GROWTH, _longest_prompt(task))
    parts = _Parts(
        prompt=prompt,
        input=_mean(each.input for each in examples) if examples else DRAFTED_INPUT,
        ideal=_mean(ideals),
        answer=answer if task.max_tokens is None else min(answer, task.max_tokens),
        feedback=FEEDBACK,
        lessons=LESSONS,
        reflection=min(prompt + BESIDES_PROMPT, REFLECTION_MAX_TOKENS),
        cases=_cases(task, MINIBATCHES_SHOWN),
    )
    return _sizes(task, parts)


def largest_sizes(task: Task) -> Sizes:
    """Return the largest sizes, which no call exceeds as long as nothing is written that is longer than assumed."""
    examples = _examples(task)
    prompt, ideal = _longest_prompt(task), _longest(each.ideal or "" for each in examples)
    parts = _Parts(
        prompt=prompt,
        input=_longest(each.input for each in examples) if examples else LONGEST_DRAFTED_INPUT,
        ideal=ideal,
        answer=max(LONGEST_ANSWER, ideal + BESIDES_IDEAL) if task.max_tokens is None else task.max_tokens,
        feedback=LONGEST_FEEDBACK,
        lessons=SHOWN * ceil(LONGEST / CHARACTERS_PER_TOKEN),
        reflection=REFLECTION_MAX_TOKENS,
        cases=_cases(task, MOST_MINIBATCHES_SHOWN),
    )
    return _sizes(task, parts)


def _sizes(task: Task, parts: _Parts) -> Sizes:
    case = sum(min(each, _MOST_SHOWN) for each in (parts.input, parts.answer, parts.feedback))
    target = CallSize(input_tokens=parts.prompt + parts.input, output_tokens=parts.answer)
    return {
        Role.TARGET: NO_TOKENS if task.prompts else target,  # what a program spends itself is not known here
        Role.JUDGE: CallSize(
            input_tokens=_judge_frame(task) + parts.input + parts.ideal + parts.answer, output_tokens=parts.feedback
        ),
        Role.REFLECTOR: CallSize(
            input_tokens=_reflector_frame(task, parts.cases) + parts.prompt + parts.lessons + parts.cases * case,
            output_tokens=parts.reflection,
        ),
    }


def _judge_frame(task: Task) -> int:
    """Return the tokens of the question to the judge without input, ideal and output."""
    has_ideals = any(each.ideal is not None for each in _examples(task))
    return _tokens(judge_messages(replace(_NOTHING, ideal="") if has_ideals else _NOTHING, "", task.rubric))


def _reflector_frame(task: Task, cases: int) -> int:
    """Return the tokens of the question to the reflector without prompt, texts of cases and lessons."""
    empty = [(_NOTHING, _NO_ROLLOUT)] * cases
    return _tokens(reflector_messages("reflect", Candidate(id=0, text=""), empty, lessons=(), task=task))


def _cases(task: Task, minibatches: int) -> int:
    """Return how many cases so many minibatches hold."""
    count = minibatches * task.minibatch
    return min(count, len(task.train)) if task.train else count


def _tokens(messages: Iterable[Message]) -> int:
    return sum(count_tokens(message.content) for message in messages)


def _examples(task: Task) -> tuple[Example, ...]:
    return (*task.train, *task.validation, *task.test)


def _longest_prompt(task: Task) -> int:
    """Return how long a candidate may be: without a limit, what one reply can add to the seed prompt."""
    seed = count_tokens(task.prompt)
    if task.max_prompt_tokens is None:
        return seed + REFLECTION_MAX_TOKENS
    return max(seed, task.max_prompt_tokens)


def _mean(texts: Iterable[str]) -> int:
    lengths = [len(text) for text in texts]
    return ceil(sum(lengths) / len(lengths) / CHARACTERS_PER_TOKEN) if lengths else 0


def _longest(texts: Iterable[str]) -> int:
    return max((count_tokens(text) for text in texts), default=0)
