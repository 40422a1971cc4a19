"""What stands in a message to the reflector: instructions, cases, limits, and what is asked for."""

import re
from dataclasses import dataclass

from gepa_next.gepa.messages import template_text
from gepa_next.llm.simulator.reading import QUOTED, Rule, quoted_texts
from gepa_next.llm.simulator.words import tokens

_TEMPLATES = ("reflect", "constrain", "compress")
_NUMBER = re.compile(r"<instructions-([0-9a-f]{8})>")
_FENCES = re.compile(
    r"\n\nThe texts stand between [^\n]*|^</?lessons-[0-9a-f]{8}>\n|(?<=[a-z])-[0-9a-f]{8}(?=>$)", re.MULTILINE
)
_NAMED = rf"(?:{QUOTED}|'((?:[^'\\\n]|\\.)+)')"
_EXPECTED = (
    re.compile(rf"\bperfect answer (?:is|was|would be|would have been):? {_NAMED}", re.IGNORECASE),
    re.compile(rf"\b(?:expected|ideal|perfect|correct|right|should|wanted)\b[^\"“.\n]{{0,60}}?{_NAMED}", re.IGNORECASE),
)
_SCORE = re.compile(r"\AScore (\d\.\d+)\.")
_CALL_FOR = " call for "
_KEEP = re.compile(
    r"^Keep this text word for word: (.*?)(?=^Keep this|^Use at most|^Answer with JSON)", re.DOTALL | re.MULTILINE
)
_LACKS = re.compile(r"\blacks ([^.]*)")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing the prompt did; `expected` is the answer that the feedback names, if it names one."""

    input: str
    output: str
    feedback: str
    expected: str | None
    failed: bool

    @property
    def lacking(self) -> list[str]:
        """Return the words that the feedback misses in the answer."""
        found = _LACKS.search(self.feedback)
        return quoted_texts(found[1]) if found else []


@dataclass(frozen=True, slots=True)
class Material:
    """A message to the reflector, read; `text` is all of it but its fences."""

    text: str
    template: str
    prompt: str
    cases: tuple[Case, ...]
    lessons: tuple[Rule, ...]
    keep: tuple[str, ...]
    max_words: int | None
    count: int


def read_material(text: str) -> Material:
    """Read a message to the reflector; what is missing in it is empty."""
    template = max(_TEMPLATES, key=lambda name: text.rfind(_request(name)))
    tail = text[max(0, text.rfind(_request(template))) :]
    most = re.search(r"^Use at most (\d+) words\.$", tail, re.MULTILINE)
    counts = re.findall(r"\b(\d+) texts\b", text)  # the instructions, which come first, may speak of texts too
    cases = _cases(text)
    return Material(
        text=unfenced(text),
        template=template,
        prompt=_prompt(text),
        cases=tuple(map(_read_case, cases)),
        lessons=_read_lessons(text[max((found.end() for found in cases), default=0) : len(text) - len(tail)]),
        keep=tuple(found[1].rstrip("\n") for found in _KEEP.finditer(tail)),
        max_words=int(most[1]) if most else None,
        count=int(counts[-1]) if counts else 1,
    )


def unfenced(text: str) -> str:
    """Return the message without numbers and what is said of them, so that chance does not hang on how it is fenced."""
    return _FENCES.sub("", text)


def _prompt(text: str) -> str:
    found = re.search(_block("instructions", text), text, re.DOTALL)
    return found[1] if found else ""


def _cases(text: str) -> list[re.Match[str]]:
    blocks = "\n".join(_block(tag, text) for tag in ("input", "output", "feedback"))
    return list(re.finditer(blocks, text, re.DOTALL))


def _block(tag: str, text: str) -> str:
    """Return the pattern of a fenced text: the number is that of the first fence, and fences in texts have others."""
    found = _NUMBER.search(text)
    number = found[1] if found else "none"
    return rf"<{tag}-{number}>\n(.*?)\n</{tag}-{number}>"


def _read_lessons(text: str) -> tuple[Rule, ...]:
    """Return what stands in a list of lessons, as far as it is rules."""
    quoted = [quoted_texts(line) for line in text.splitlines() if line.startswith("- ") and _CALL_FOR in line]
    return tuple(Rule(tuple(texts[:-1]), texts[-1]) for texts in quoted if len(texts) > 1)


def _request(template: str) -> str:
    """Return the line by which a template says what it wants: the longest that has no place for a value."""
    lines = template_text(template).split("\n")
    return max((line for line in lines if "{" not in line and "JSON" not in line), key=len)


def _read_case(found: re.Match[str]) -> Case:
    answer, feedback = found[2], found[3]
    named = next((said for pattern in _EXPECTED if (said := pattern.search(feedback))), None)
    expected = (named[1] or named[2] or named[3]) if named else None
    score = _SCORE.search(feedback)
    failed = float(score[1]) < 1 if score else tokens(answer) != tokens(expected or "")
    return Case(input=found[1], output=answer, feedback=feedback, expected=expected, failed=failed)
