"""Make what models write safe to store: no lone surrogates, no NUL, no reasoning before the answer."""

import re

REPLACEMENT = "\ufffd"
REASONING_TAGS = ("think", "thinking", "thought", "reasoning")

_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_TAG = re.compile(rf"<(/?)({'|'.join(REASONING_TAGS)})>|\[(/?)(think)\]", re.IGNORECASE)


def clean_text(text: str) -> str:
    """Return the text with U+FFFD for each NUL and lone surrogate, which SQLite and UTF-8 refuse."""
    return _UNSAFE.sub(REPLACEMENT, text)


def clean_value(value: object) -> object:
    """Return decoded JSON with every text in it cleaned; RecursionError when it is nested too deeply."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [clean_value(item) for item in value]
    if isinstance(value, dict):
        return {clean_value(key): clean_value(item) for key, item in value.items()}
    return value


def strip_reasoning(text: str) -> str:
    """Return the answer without the tagged reasoning that stands before it.

    A closing tag without its opening one counts too: some chat templates write the opening tag
    into the prompt. Reasoning that never closes leaves nothing.
    """
    start, inside = 0, ""
    for tag in _TAG.finditer(text):
        closes, name = bool(tag[1] or tag[3]), (tag[2] or tag[4]).lower()
        if closes and inside in {"", name}:
            start, inside = tag.end(), ""
        elif not closes and not inside:
            if text[start : tag.start()].strip():
                break  # the answer has begun
            inside = name
    if inside:
        return ""
    return text[start:].lstrip() if start else text
