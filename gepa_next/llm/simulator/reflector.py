"""The simulated reflector: reads cases and writes instructions, as a real one does, rightly and wrongly.

All it knows stands in its message. The answer a case should have had it takes from the feedback; the words for a rule
it guesses from the inputs, so that a rule may be too narrow or name a word that means nothing, and false feedback
makes false rules.
"""

from collections.abc import Sequence
from dataclasses import replace

from gepa_next.gepa.replies import AdditionReply, InputsReply, PromptReply
from gepa_next.gepa.types import Message
from gepa_next.llm.simulator.editing import (
    compressed,
    limited,
    tidied,
    with_lessons,
    without_misleading,
)
from gepa_next.llm.simulator.learning import duties_of, expected_answers, learn_rules
from gepa_next.llm.simulator.material import Material, read_material
from gepa_next.llm.simulator.reading import PromptParts, Rule, join, quote, read_prompt, write_allowed, write_rule
from gepa_next.llm.simulator.words import content_words, shuffled

Reply = PromptReply | AdditionReply | InputsReply
_DRAFTS = (  # so unlike one another that none is dropped as a near-duplicate, whatever the words
    "I have a question about {0}: what happens with {1} when {2} is missing?",
    "{1}?? nobody told me anything about {0}",
    "Please help me with {0}. It is about {2}, and I am not sure that {1} matters.",
    "Last time it was all about {2}. Is {0} different, and if so, since when?",
    "A long story: first came {0}, then {1}, and in the end {2}. What would you do in my place?",
    "{0}, {1}, {2}",
    "My colleague says that {1} comes before {0}. Who is right?",
    "Since Monday I see {2} wherever I look!",
    "Could you explain {0} to somebody who has never heard of {1}?",
    "We are a small team and need {0} by Friday, with or without {2}.",
    "Forget what I wrote yesterday, only {1} counts now.",
    "Is there any {2} left? I would take two.",
    "THIS IS THE THIRD TIME I ASK ABOUT {0}",
    "hi, quick one: {1} or rather {2}, which do you recommend",
    "Thank you for the answer on {2}. One more thing, though: why does {0} take so long?",
    "I read the page on {0} twice and still cannot find {1} anywhere on it.",
    "Under which conditions may {1} replace {2}, and what would that cost us in a year?",
    "No hurry at all; when you get to it, look at {0} again.",
)


def reflect(messages: Sequence[Message], reply_type: type | None) -> Reply:
    """Return the reply that the message asks for, in the shape of `reply_type`."""
    material = read_material("\n\n".join(message.content for message in messages))
    parts = read_prompt(material.prompt)
    if reply_type is InputsReply:
        return InputsReply(inputs=_drafts(parts, material))
    if reply_type is AdditionReply:
        return _addition(parts, material)
    write = _compressed if material.template == "compress" else _improved
    reply = write(parts, material)
    return replace(reply, prompt=reply.prompt or "Do what the input asks for.")


def _improved(parts: PromptParts, material: Material) -> PromptReply:
    parts = without_misleading(parts, material)
    rules = learn_rules(parts, material)
    parts = tidied(with_lessons(parts, rules, material.cases))
    return PromptReply(lesson=_lesson(rules, material), prompt=limited(parts, material))


def _compressed(parts: PromptParts, material: Material) -> PromptReply:
    parts = compressed(tidied(parts))
    return PromptReply(lesson="The rules can do without their frame.", prompt=limited(parts, material, terse=True))


def _addition(parts: PromptParts, material: Material) -> AdditionReply:
    """Write one rule, and the allowed answers where the prompt names none."""
    rules = learn_rules(parts, material)[:1]
    lines = [write_rule(rule) for rule in rules]
    seen = expected_answers(material.cases)
    if not parts.allowed and len(seen) > 1:
        lines.append(write_allowed(seen))
    duties = [word for word in duties_of(material.cases) if word not in parts.duties]
    if duties:
        lines.append(f"Mention {join(duties, 'and')} in every answer.")
    return AdditionReply(lesson=_lesson(rules, material), addition="\n".join(lines) or "Answer briefly.")


def _lesson(rules: Sequence[Rule], material: Material) -> str:
    if rules:
        return f"Inputs that mention {join(rules[0].words, 'or')} call for {quote(rules[0].answer)}."
    duties = duties_of(material.cases)
    return f"Answers lack {join(duties, 'and')}." if duties else "The cases show nothing that is not known yet."


def _drafts(parts: PromptParts, material: Material) -> list[str]:
    words = content_words("\n".join(parts.prose).replace("{input}", "")) or ["this", "that", "it"]
    return [
        draft.format(*(shuffled(words, str(number)) * 3)[:3]) for number, draft in enumerate(_DRAFTS[: material.count])
    ]
