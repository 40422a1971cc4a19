"""Take our key out of what a provider says: some quote it in errors, and what quotes once may quote anywhere."""

import re
from functools import lru_cache

REDACTED = "(key)"
LEAST_SECRET_CHARS = 8  # shorter ones are placeholders such as "none", which answers may well contain


def redact(text: str, key: str) -> str:
    """Return the text without the key, however JSON or a URL may spell it."""
    return text if len(key) < LEAST_SECRET_CHARS else _spellings(key).sub(REDACTED, text)


@lru_cache(maxsize=16)
def _spellings(key: str) -> re.Pattern[str]:
    return re.compile(spelled(key))


def spelled(key: str) -> str:
    """Return a regular expression of the key, however JSON or a URL may spell it."""
    return "".join(map(_spelling, key))


def _spelling(character: str) -> str:
    code = f"{ord(character):02x}"
    return rf"(?:\\{{0,4}}{re.escape(character)}|\\{{1,4}}(?i:u00{code})|(?i:%{code}))"
