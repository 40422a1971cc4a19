"""The metric on patterns, by an engine that cannot backtrack."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import re2

from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric, quoted, unscorable

LONGEST_PATTERN = 2000
MOST_WORK = 2 * 10**9  # about 2 s, without the GIL: a search takes some 1 ns for each instruction and character
_MEMORY_BYTES = 2**22  # bounds the pattern too: to some 60,000 instructions
_MANY = "".join(map(chr, (*range(128), *range(161, 0xD800, 128), *range(0xE021, 0x110000, 128))))  # of all scripts


class Pattern(Protocol):
    """A pattern that has been read."""

    programsize: int

    def search(self, text: str, /) -> object:
        """Return the first match, None if there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Regex(DeterministicMetric):
    r"""Score 1 when the pattern matches somewhere in the output, else 0.

    Range {0, 1}. `^` and `$` are the beginning and end of the output, stripped. The language is that of RE2
    (https://github.com/google/re2/wiki/Syntax): no look-around and no back-references, and time linear in the text
    (Cox, "Regular Expression Matching Can Be Simple And Fast", 2007). Where pattern and output are both very large
    there is no score.
    """

    pattern: str

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return 1 or 0, and the pattern that does not match."""
        answer, pattern = output.strip(), compiled(self.pattern)
        if work(pattern, answer) > MOST_WORK:
            raise unscorable("too_complex", f"the pattern is too large for the answer to example {example.id}")
        if occurs(pattern, answer):
            return Verdict(score=1.0, feedback="Right: the answer matches the pattern.")
        said = f"Wrong: expected an answer that matches the regular expression {self.pattern}, got {quoted(answer)}."
        return Verdict(score=0.0, feedback=said)


@lru_cache(maxsize=64)
def compiled(pattern: str) -> Pattern:
    """Return the pattern ready for use; ValueError says why it is none, or is too large."""
    if len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"the pattern has more than {LONGEST_PATTERN} characters")
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY_BYTES
    try:
        found: Pattern = re2.compile(pattern, options)
    except re2.error as error:
        raise ValueError(f"not a pattern of RE2: {_reason(error)}") from None
    return found


def work(pattern: Pattern, text: str) -> int:
    """Return how many instructions a search can take at most."""
    return pattern.programsize * len(text)


def occurs(pattern: Pattern, text: str) -> bool:
    """Say whether the pattern matches somewhere in the text; a lone surrogate, as JSON may hold one, is a ?."""
    return pattern.search(text.encode(errors="replace").decode()) is not None


def matches_anything(text: str) -> bool:
    """Say whether the pattern matches the empty text and all others: single characters, and very many together."""
    pattern = compiled(text)
    return all(occurs(pattern, each) for each in ("", "a", "!", "\ue000", _MANY + text))


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else error
    return said.decode(errors="replace") if isinstance(said, bytes) else str(said)
