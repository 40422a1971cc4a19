"""What the simulator makes of a prompt: prose, allowed answers, rules, duties and demonstrations."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

QUOTED = r'(?:"([^"\n]+)"|“([^”\n]+)”)'
_DEMO = re.compile(
    r"^Input:[ \t]*(\S(?:(?!\nInput:).)*?)\nOutput:[ \t]*(\S.*?)(?=\n[ \t]*\n|\nInput:|\Z)", re.DOTALL | re.MULTILINE
)
_RULE_GAP = re.compile(r"\b(?:answer|reply|respond|say|write|return|output|is)\b|→|->|:", re.IGNORECASE)
_DUTY = re.compile(r"^\W*(?:always )?mention\b.*\bin every answer\b", re.IGNORECASE)
_INPUT_PLACEHOLDER = "{input}"
_LIST_SIZE = 3


@dataclass(frozen=True, slots=True)
class Rule:
    """An input that mentions one of the words gets the answer."""

    words: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Demo:
    """One input with its answer, shown in the prompt."""

    input: str
    output: str


@dataclass(frozen=True, slots=True)
class PromptParts:
    """A prompt taken apart; `duties` are words that every answer must mention."""

    prose: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()
    rules: tuple[Rule, ...] = ()
    duties: tuple[str, ...] = ()
    demos: tuple[Demo, ...] = ()


def read_prompt(text: str) -> PromptParts:
    """Take a prompt apart; what is nothing else is prose."""
    demos = tuple(Demo(found[1].strip(), found[2].strip()) for found in _DEMO.finditer(text))
    prose: list[str] = []
    allowed: list[str] = []
    rules: list[Rule] = []
    duties: list[str] = []
    for line in _DEMO.sub("", text).strip().splitlines():
        quoted = quoted_texts(line)
        if len(quoted) > 1 and _gives_rule(line):
            rules.append(Rule(tuple(quoted[:-1]), quoted[-1]))
        elif quoted and _DUTY.match(line):
            duties += quoted
        elif len(quoted) >= _LIST_SIZE or (len(quoted) > 1 and "one of" in line):
            allowed += quoted
        else:
            prose.append(line.rstrip())
    return PromptParts(tuple(prose), unique(allowed), tuple(rules), unique(duties), demos)


def write_prompt(parts: PromptParts, *, terse: bool = False) -> str:
    """Put a prompt together: prose, form of the answer, rules, demonstrations, and the input's place last."""
    at = next((i for i, line in enumerate(parts.prose) if _INPUT_PLACEHOLDER in line), len(parts.prose))
    lines = [write_rule(rule, terse=terse) for rule in parts.rules]
    if len(parts.allowed) > 1:
        lines.insert(0, write_allowed(parts.allowed))
    if parts.duties:
        lines.append(f"Mention {join(parts.duties, 'and')} in every answer.")
    blocks = ["\n".join(parts.prose[:at]), "\n".join(lines)]
    blocks += [f"Input: {demo.input}\nOutput: {demo.output}" for demo in parts.demos]
    blocks.append("\n".join(parts.prose[at:]))
    return "\n\n".join(block.strip("\n") for block in blocks if block.strip())


def write_rule(rule: Rule, *, terse: bool = False) -> str:
    """Write a rule as a line that `read_prompt` knows again."""
    if terse:
        return f"{', '.join(map(quote, rule.words))} → {quote(rule.answer)}"
    return f"When the input mentions {join(rule.words, 'or')}, answer {quote(rule.answer)}."


def write_allowed(allowed: Iterable[str]) -> str:
    """Write the line that lists two or more allowed answers."""
    return f"Answer with exactly one of {join(allowed, 'or')} and nothing besides."


def quote(text: str) -> str:
    """Put a text on one line and in quotation marks that it does not contain."""
    flat = " ".join(text.split())
    return f'"{flat}"' if '"' not in flat else f"“{flat.replace('“', '').replace('”', '')}”"


def quoted_texts(text: str) -> list[str]:
    """Return what stands in quotation marks, in order."""
    return [found[1] or found[2] for found in re.finditer(QUOTED, text)]


def join(texts: Iterable[str], word: str) -> str:
    """Write texts as a quoted enumeration."""
    *first, last = map(quote, texts)
    return f"{', '.join(first)} {word} {last}" if first else last


def unique(texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts in order, each once."""
    return tuple(dict.fromkeys(texts))


def _gives_rule(line: str) -> bool:
    *_, before, last = re.finditer(QUOTED, line)
    return bool(_RULE_GAP.search(line[before.end() : last.start()]))
