"""The simulated target: a weak model that does what its prompt says, as far as it says it.

It has no knowledge of any task, so a prompt scores by what it tells. Told nothing definite, it chats. A list of
allowed answers gives its answers a form, demonstrations help with inputs that resemble them, and rules help with
every input that mentions their words. It reads a long prompt badly: of rules and demonstrations it overlooks the more
the longer the prompt is, others for every input, so that adding without end does not pay and shortening can.
"""

import re
from collections import Counter
from collections.abc import Sequence

from gepa_next.gepa.types import Message
from gepa_next.llm.simulator.reading import Demo, PromptParts, Rule, join, read_prompt
from gepa_next.llm.simulator.words import chance, content_stems, content_words, mentions, shuffled, stems, tokens

_READ_WITH_EASE_WORDS = 200
_WORDS_PER_LOSS = 1500
_WORST_LOSS = 0.6
_LIKENESS_ENOUGH = 1.0
_DEMO_LOSS = 0.1  # an example says less than a rule
_CHAT_WORDS = 4


def answer(messages: Sequence[Message]) -> str:
    """Return the target's answer, a function of the messages alone."""
    prompt, text = _prompt_and_input(messages)
    parts = read_prompt(prompt)
    task = text if text is not None else "\n".join(parts.prose)
    loss = min(_WORST_LOSS, max(0, len(tokens(prompt)) - _READ_WITH_EASE_WORDS) / _WORDS_PER_LOSS)
    rules = [rule for rule in parts.rules if chance(rule.answer, *rule.words, task) >= loss]
    demos = [demo for demo in parts.demos if chance(demo.input, demo.output, task) >= loss + _DEMO_LOSS]
    return _by_rule(rules, task) or _by_demo(demos, task) or _by_list(parts, task) or _chat(parts, task)


def _prompt_and_input(messages: Sequence[Message]) -> tuple[str, str | None]:
    system = "\n\n".join(message.content for message in messages if message.role == "system")
    rest = "\n\n".join(message.content for message in messages if message.role == "user")
    return (system, rest) if system else (rest, None)


def _by_rule(rules: Sequence[Rule], task: str) -> str | None:
    task_stems = stems(task)
    hits = [sum(mentions(task_stems, word) for word in rule.words) for rule in rules]
    return rules[hits.index(max(hits))].answer if any(hits) else None


def _by_demo(demos: Sequence[Demo], task: str) -> str | None:
    words = [content_stems(demo.input) for demo in demos]
    commonness = Counter(word for some in words for word in some)
    likeness = [sum(1 / commonness[word] for word in some & content_stems(task)) for some in words]
    best = max(likeness, default=0.0)
    return demos[likeness.index(best)].output if best >= _LIKENESS_ENOUGH else None


def _by_list(parts: PromptParts, task: str) -> str | None:
    task_stems = set(stems(task))
    overlaps = [len(task_stems & set(stems(allowed))) for allowed in parts.allowed]
    return parts.allowed[overlaps.index(max(overlaps))] if overlaps else None


def _chat(parts: PromptParts, task: str) -> str:
    """Say something about the input, and leave open what the prompt leaves open."""
    matter = sorted(shuffled(content_words(task), task)[:_CHAT_WORDS])
    choices = re.findall(r"\b[a-z]+ or [a-z]+\b", " ".join(parts.prose))
    said = [f"Thank you for this. It seems to be about {', '.join(matter) or 'something'}."]
    said += [f"I would call it {choice}, depending on how you see it." for choice in choices[:2]]
    said += [f"This concerns {join(parts.duties, 'and').replace(chr(34), '')} as well."] if parts.duties else []
    return " ".join((*said, "Let me know if you would like to hear more."))
