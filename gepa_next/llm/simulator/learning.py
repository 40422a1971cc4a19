"""What the simulated reflector learns from cases: which words of an input call for which answer."""

from collections import Counter
from collections.abc import Iterable, Sequence

from gepa_next.llm.simulator.material import Case, Material
from gepa_next.llm.simulator.reading import PromptParts, Rule, unique
from gepa_next.llm.simulator.words import chance, content_stems, content_words, shuffled, stem

_ANSWERS_AT_ONCE = 2
_LESSONS_AT_ONCE = 1
_WORDS_AT_LEAST = 3
_WORDS_AT_MOST = 5
_ANSWER_CHARACTERS = 400
_DUTIES = 6


def expected_answers(cases: Iterable[Case]) -> tuple[str, ...]:
    """Return the answers that the feedback names, each once."""
    return unique(case.expected for case in cases if case.expected and len(case.expected) <= _ANSWER_CHARACTERS)


def duties_of(cases: Sequence[Case]) -> tuple[str, ...]:
    """Return the words that the feedback misses, the most missed first."""
    missed = Counter(word for case in cases for word in case.lacking)
    return tuple(word for word, _ in missed.most_common(_DUTIES))


def learn_rules(parts: PromptParts, material: Material) -> tuple[Rule, ...]:
    """Return new rules for some of the answers that were missed, chosen by chance."""
    missed = expected_answers(case for case in material.cases if case.failed)
    chosen = shuffled(missed, material.text)[:_ANSWERS_AT_ONCE]
    rules = [Rule(_telling_words(answer, parts, material), answer) for answer in chosen]
    known = {rule.answer for rule in (*parts.rules, *rules)}
    rules += [rule for rule in material.lessons if rule.answer not in known][:_LESSONS_AT_ONCE]
    return tuple(rule for rule in rules if rule.words)


def _telling_words(answer: str, parts: PromptParts, material: Material) -> tuple[str, ...]:
    """Return words of inputs that call for this answer and for no other, those first that more of them share."""
    mine = [case.input for case in material.cases if case.expected == answer]
    others = [case.input for case in material.cases if case.expected != answer]
    known = {stem(word) for rule in parts.rules for word in rule.words}.union(*map(content_stems, others))
    shared = Counter(each for text in mine for each in content_stems(text))
    words = {stem(word): word for text in mine for word in content_words(text) if stem(word) not in known}
    ranked = sorted(shuffled(words.values(), material.text), key=lambda word: -shared[stem(word)])
    many = _WORDS_AT_LEAST + int((_WORDS_AT_MOST - _WORDS_AT_LEAST + 1) * chance(answer, material.text))
    return tuple(ranked[:many])
