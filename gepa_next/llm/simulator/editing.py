"""What the simulated reflector does to a prompt once it has read and learned."""

import re
from collections.abc import Sequence
from dataclasses import replace

from gepa_next.llm.simulator.learning import duties_of, expected_answers
from gepa_next.llm.simulator.material import Case, Material
from gepa_next.llm.simulator.reading import Demo, PromptParts, Rule, unique, write_prompt
from gepa_next.llm.simulator.words import mentions, shuffled, stem, stems, tokens

_WORDS_PER_RULE = 12
_FILLERS = re.compile(r"\b(?:please|kindly|very|really|just|carefully|always) ", re.IGNORECASE)


def with_lessons(parts: PromptParts, rules: Sequence[Rule], cases: Sequence[Case]) -> PromptParts:
    """Add rules, the answers seen and the words missed."""
    everything = (*parts.rules, *rules)
    answers = (*parts.allowed, *(rule.answer for rule in everything), *expected_answers(cases))
    duties = (*parts.duties, *duties_of(cases))
    return replace(parts, rules=everything, allowed=unique(answers), duties=unique(duties))


def without_misleading(parts: PromptParts, material: Material) -> PromptParts:
    """Take from the rules the words that led to wrong answers, one for each wrong answer."""
    rules = list(parts.rules)
    for case in material.cases:
        given, read = tokens(case.output), stems(case.input)
        for at, rule in enumerate(rules):
            if case.expected and tokens(rule.answer) == given != tokens(case.expected):
                guilty = shuffled((word for word in rule.words if mentions(read, word)), material.text)[:1]
                rules[at] = Rule(tuple(word for word in rule.words if word not in guilty), rule.answer)
    return replace(parts, rules=tuple(rule for rule in rules if rule.words))


def tidied(parts: PromptParts) -> PromptParts:
    """Say everything once: one rule for an answer as long as it stays readable, each word in one rule."""
    rules: list[Rule] = []
    taken: set[str] = set()
    for rule in parts.rules:
        words = tuple({stem(word): word for word in rule.words if stem(word) not in taken}.values())
        taken |= {stem(word) for word in words}
        at = next((i for i, old in enumerate(rules) if _fit(old, rule.answer, words)), None)
        if at is not None:
            rules[at] = Rule(rules[at].words + words, rule.answer)
        elif words:
            rules.append(Rule(words, rule.answer))
    return replace(parts, rules=tuple(rules), demos=tuple(dict.fromkeys(parts.demos)))


def compressed(parts: PromptParts) -> PromptParts:
    """Drop sentences said twice, filler words, and demonstrations of what a rule says."""
    said: dict[str, None] = {}
    prose = []
    for line in parts.prose:
        sentences = [each for each in re.split(r"(?<=[.!?]) ", _FILLERS.sub("", line)) if each not in said]
        said |= dict.fromkeys(sentences)
        prose.append(" ".join(sentences))
    demos = tuple(demo for demo in parts.demos if not any(_shows(demo, rule) for rule in parts.rules))
    return replace(parts, prose=unique(prose), demos=demos)


def limited(parts: PromptParts, material: Material, *, terse: bool = False) -> str:
    """Write the prompt within the limits the message sets: texts to keep, and the most words."""
    while True:
        text = write_prompt(parts, terse=terse)
        text = "\n".join((text, *(kept for kept in material.keep if kept not in text))).strip("\n")
        shorter = _without_last(parts)
        if material.max_words is None or len(text.split()) <= material.max_words or shorter == parts:
            return text
        parts = shorter


def _without_last(parts: PromptParts) -> PromptParts:
    if parts.demos:
        return replace(parts, demos=parts.demos[:-1])
    if parts.rules:
        *rest, last = parts.rules
        shorter = (Rule(last.words[:-1], last.answer),) if len(last.words) > 1 else ()
        return replace(parts, rules=(*rest, *shorter))
    return replace(parts, allowed=(), duties=())


def _fit(rule: Rule, answer: str, words: Sequence[str]) -> bool:
    return rule.answer == answer and len(rule.words) + len(words) <= _WORDS_PER_RULE


def _shows(demo: Demo, rule: Rule) -> bool:
    read = stems(demo.input)
    return tokens(rule.answer) == tokens(demo.output) and any(mentions(read, word) for word in rule.words)
