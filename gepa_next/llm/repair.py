"""Mend the broken JSON of a reply, or refuse: no text is kept in part, and no quotation is taken for the answer."""

import json
import re
from dataclasses import fields
from itertools import pairwise
from typing import get_type_hints

import json_repair

from gepa_next.llm.json_text import decode
from gepa_next.llm.text import clean_value

REPAIR_LIMIT_CHARS = 5_000  # repairing is quadratic: 20,000 characters of "{a:" took 35 s
REPAIR_LIMIT_BRACKETS = 64

_ESCAPED_OR_QUOTE = re.compile(r'(\\.)|"', re.DOTALL)
_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_STRUCTURE = re.compile(r"(?:[\s{}\[\],:\d.+-]|true|false|null)*")
_NEXT_KEY = re.compile(r"""["']\s*,\s*["']?\w{1,40}["']?\s*:""")


class UnreadableReply(ValueError):
    """Report a reply that is not the object asked for, in words that the model can act on."""


def repaired(broken: str, reply_type: type) -> dict[str, object]:
    """Return the object that begins and ends the text, after mending its JSON; UnreadableReply otherwise.

    Refused: an object that does not end, for its end is lost; one that has a key twice, for one of the two may be
    a quotation; one with a key that was not asked for, if that may be a piece of a text that came apart.
    """
    if not broken.endswith("}"):
        raise UnreadableReply("the JSON object does not end")
    names = [field.name for field in fields(reply_type)]
    if not _is_small(broken) or any(len(_places(name, broken)) > 1 for name in names):
        raise UnreadableReply("the JSON is broken")
    mended = _read_between_keys(broken, reply_type) or _guessed(broken)
    if not isinstance(mended, dict) or not (mended.keys() <= set(names) or _has_texts_whole(broken)):
        raise UnreadableReply("the JSON is broken")
    return mended


def _has_texts_whole(broken: str) -> bool:
    """Say whether nothing stands outside quotation marks that could be a piece of a text."""
    return bool(_STRUCTURE.fullmatch(_TEXT.sub("", broken)))


def _is_small(broken: str) -> bool:
    brackets = broken.count("{") + broken.count("[")
    return len(broken) <= REPAIR_LIMIT_CHARS and brackets <= REPAIR_LIMIT_BRACKETS


def _places(name: str, broken: str) -> list[tuple[int, int]]:
    """Return where the key stands, and whatever looks like it."""
    return [found.span() for found in re.finditer(rf"""["']?{re.escape(name)}["']?\s*:""", broken)]


def _guessed(broken: str) -> object:
    try:
        mended = clean_value(json_repair.loads(broken, skip_json_loads=True))
        json.dumps(mended, allow_nan=False)  # it takes 1e999 for infinity
    except (ValueError, RecursionError, IndexError, TypeError):
        return None
    return mended


def _read_between_keys(broken: str, reply_type: type) -> dict[str, object] | None:
    """Return what stands between the keys, if each is there, in the order asked for; texts keep their quotation marks.

    Models that write JSON about JSON forget to escape it, and where a text ends cannot be guessed from its marks.
    """
    types = get_type_hints(reply_type)
    places = [place for name in types for place in _places(name, broken)]
    if len(places) < len(types) or broken[1 : places[0][0]].strip():
        return None
    bounds = [*places, (len(broken) - 1, len(broken))]
    pieces = [broken[end:start].strip().removesuffix(",").strip() for (_, end), (start, _) in pairwise(bounds)]
    read = {name: _read(piece, kind) for (name, kind), piece in zip(types.items(), pieces, strict=True)}
    return None if None in read.values() else read


def _read(piece: str, kind: object) -> object:
    return _read_text(piece) if kind is str else decode(piece)


def _read_text(piece: str) -> object:
    """Return what stands between the outermost quotation marks, None where a further key may."""
    mark, inner = piece[:1], piece[1:-1]
    if mark not in {'"', "'"} or len(piece) < len("''") or not piece.endswith(mark):
        return None
    before = (inner[: found.start()] for found in _NEXT_KEY.finditer(inner))
    if any(text.count("{") <= text.count("}") for text in before):  # else it stands in an object that is quoted
        return None
    if mark == "'":
        inner = inner.replace("\\'", "'")
    return decode('"' + _ESCAPED_OR_QUOTE.sub(lambda found: found[1] or '\\"', inner) + '"')
