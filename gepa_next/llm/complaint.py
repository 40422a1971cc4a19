"""Read what a provider complains of in an error object, apart from what it quotes of our request."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

RUN_WORDS = 5  # so many words in a row that are ours too are a quotation

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\b\d{1,3}(?:,\d{3})+\b|\b\d{1,9}\b")
_ESCAPE = re.compile(r"\\+[nrt\"']")


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """What is wrong, in lower case: `codes` of the provider's, `prose` without quotations, `names` it points at."""

    codes: str = ""
    prose: str = ""
    names: frozenset[str] = frozenset()

    def has(self, *spellings: str) -> bool:
        """Say whether one of the spellings stands in codes or prose."""
        return any(spelling in said for said in (self.codes, self.prose) for spelling in spellings)

    @property
    def numbers(self) -> frozenset[int]:
        """The whole numbers that the prose has."""
        return frozenset(int(digits.replace(",", "")) for digits in _NUMBER.findall(self.prose))


NO_COMPLAINT = Complaint()


def read_complaint(error: object, *, words: str, asked: Sequence[str]) -> Complaint:
    """Return what an error object of these words complains of, when these texts were sent."""
    fields = error if isinstance(error, dict) else {}
    codes = (fields.get(name) for name in ("code", "type"))
    return Complaint(
        codes="; ".join(code for code in codes if isinstance(code, str)).lower(),
        prose=without_quotations(words, asked).lower(),
        names=frozenset(_names(fields)),
    )


def words_of(error: object) -> str:
    """Return all that an error object says, its message first."""
    if isinstance(error, str):
        return error
    if not isinstance(error, dict):
        return ""
    found: Sequence[object] = [error.get(name) for name in ("message", "code", "type", "param", "detail")]
    metadata = error.get("metadata")
    raw = metadata.get("raw") if isinstance(metadata, dict) else None
    return "; ".join(_spoken(each) for each in (*found, raw) if each)


def without_quotations(said: str, asked: Sequence[str]) -> str:
    """Return what is said without the runs of words that the request has too: a prompt may speak of anything."""
    runs = {run for text in asked for run in _runs(_WORD.findall(text.lower()))}
    said = _ESCAPE.sub(" ", said)
    words = list(_WORD.finditer(said))
    spelled = [word.group().lower() for word in words]
    quoted = {
        place
        for size in {len(run) for run in runs}
        for start in range(len(words) - size + 1)
        if tuple(spelled[start : start + size]) in runs
        for place in range(start, start + size)
    }
    ends = [0, *(word.end() for word in words)]
    kept = ("" if place in quoted else word.group() for place, word in enumerate(words))
    between = (said[end : word.start()] for end, word in zip(ends, words, strict=False))
    return "".join(gap + word for gap, word in zip(between, kept, strict=True)) + said[ends[-1] :]


def _runs(words: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield each run of words long enough to be told from chance, or all of a short text."""
    for start in range(max(1, len(words) - RUN_WORDS + 1)) if words else ():
        yield tuple(words[start : start + RUN_WORDS])


def _names(fields: dict[str, object]) -> Iterator[str]:
    """Yield the parameters that the error points at, as OpenAI does and as FastAPI does."""
    detail = fields.get("detail")
    places: list[object] = (
        [each.get("loc") for each in detail if isinstance(each, dict)] if isinstance(detail, list) else []
    )
    for place in (fields.get("param"), *places):
        yield from (name for name in (place if isinstance(place, list) else [place]) if isinstance(name, str))


def _spoken(value: object) -> str:
    try:
        return value if isinstance(value, str) else json.dumps(value)
    except RecursionError:  # writing takes a little more of the stack than reading did
        return "(nested too deeply)"
