"""Fences: marks around the texts in a message that others wrote, which none of these texts can close or open."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from itertools import count

DIGITS = 8
# Servers may read the control tokens of chat templates in any text, and not only where they put them themselves.
_CONTROL = re.compile(r"<(?=[|\uff5c]|/s>|(?:start|end)_of_turn>)|\[(?=/?INST\])")


@dataclass(frozen=True, slots=True)
class Fence:
    """The two lines around each text of one message: tags with a `number` that occurs in none of the texts."""

    number: str

    def around(self, tag: str, text: str) -> str:
        """Return the text between its lines, with a space in each control token of a chat template."""
        return f"<{tag}-{self.number}>\n{harmless(text)}\n</{tag}-{self.number}>"


def fence_for(texts: Iterable[str], *, also: str = "", digits: int = DIGITS) -> Fence:
    """Return the fence for a message that holds these texts; the same for the same ones.

    The number is derived from the texts, and another is taken as long as it occurs in one of them or in what they
    stand beside, `also`. That does not change it otherwise, so that messages which differ in nothing else begin alike.
    """
    written = "\0".join(texts)
    seed = written.encode("utf-8", "surrogatepass")
    anywhere = f"{written}\0{also}".lower()
    numbers = (sha256(b"%d\0%b" % (nth, seed)).hexdigest()[:digits] for nth in count())
    return Fence(next(number for number in numbers if number not in anywhere))


def harmless(text: str) -> str:
    """Return the text with a space after the first character of each control token of a chat template."""
    return _CONTROL.sub(lambda found: f"{found[0]} ", text)
