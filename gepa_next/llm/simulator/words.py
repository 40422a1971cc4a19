"""Words as the simulator sees them: which carry meaning, and which are the same word."""

import re
from collections.abc import Iterable, Sequence
from hashlib import sha256

_COMMON = """
a able about above across actually add after afternoon again against ago all allow almost along already also although
always am among an and another answer answers any anybody anyone anything appear april are around as ask asked asking
at august autumn away back bad be became because become been before began being believe below best better between big
both bring but by call called came can cannot care case certain change check child children clear close colleague
colleagues come comes complete consider contain correct could country cover day days dear december decide did
different difficult do does doing done down during each easy eight either else empty end ends enough even evening ever
every everybody everyone everything everywhere exactly except exist expect explain fact fall far fast february feel
few fill find fine first five follow for found four free friday friend from front full funny further gave general get
gets getting give given gives go goes going good got great had half happen happened happens happy hard has have having
he hear hello help helps her here hi high him his hold home hope hoped hour hours how however hundred i if important
in include input inside instead interested into is it its itself january join joined july june just keep keeps kind
kindly know large last late later least leave left less let lets life like line little live long longer look looks
lose lot made main make makes man many march matter may maybe me mean means mention mentions message might minute
minutes miss moment monday month months more morning most move moved much must my near need needs never new next nice
night nine no nobody none nor not nothing notice november now nuisance october of off often old on once one only open
or other others otherwise our ours out output over own part people perhaps place please possible put quick quickly
quite rather reach read ready really reason receive recent remain remember remove removed reply right rush sad said
same saturday saw say says see seem seems seen send sent september set seven several she short should show showed
shows side similar simple simply since single six small so some somebody someone something somewhere soon sort sound
spring start started starts state stay stays still stop stopped such summer sunday sure take taken takes team tell ten
than thank thanks that the their them then there these they thing things think this those though three through
thursday time times to today together told tomorrow tonight too took top toward true try tuesday turn two under
understand until up upon us use used useful user users using usual usually various very wait waiting want wanted wants
was way we wednesday week weeks well went were what whatever when whenever where wherever whether which while who
whoever whole whose why will winter wish with within without woman wonder wonderful word words work worked working
works world worse would write wrong year yearly years yes yesterday yet you your yours
"""
_ENDINGS = ("ings", "ing", "ies", "ed", "es", "er", "ly", "s", "e", "y")
_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")
_SHORTEST_STEM = 3
_GLANCE_BACK = 8


def tokens(text: str) -> list[str]:
    """Return the words and numbers of a text, in small letters."""
    return [found[0].lower() for found in _WORD.finditer(text)]


def stem(word: str) -> str:
    """Return what "walk", "walks" and "walking" have in common."""
    word = word.lower()
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST_STEM:
            word = word.removesuffix(ending)
            break
    return word[:-1] if len(word) > _SHORTEST_STEM and word[-1] == word[-2] else word


def stems(text: str) -> list[str]:
    """Return the stem of every word of a text, in order."""
    return [stem(word) for word in tokens(text)]


def content_words(text: str) -> list[str]:
    """Return the words that carry meaning, each once, in order: no common words, no names, no numbers."""
    found: dict[str, str] = {}
    for match in _WORD.finditer(text):
        word = match[0]
        if not (_is_name(word, text[max(0, match.start() - _GLANCE_BACK) : match.start()]) or _says_little(word)):
            found.setdefault(stem(word), word.lower())
    return list(found.values())


def content_stems(text: str) -> set[str]:
    """Return the stems of the words that carry meaning."""
    return {stem(word) for word in content_words(text)}


def mentions(text_stems: Sequence[str], phrase: str) -> bool:
    """Say whether the phrase's words stand in the text one after the other, in whatever form."""
    wanted = stems(phrase)
    places = range(len(text_stems) - len(wanted) + 1)
    return bool(wanted) and any(list(text_stems[at : at + len(wanted)]) == wanted for at in places)


def chance(*parts: str) -> float:
    """Return a number in [0, 1) that depends on the texts and on nothing else."""
    digest = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def shuffled(items: Iterable[str], seed: str) -> list[str]:
    """Return the texts in an order that depends on them and the seed only."""
    return sorted(items, key=lambda item: (chance(seed, item), item))


def _is_name(word: str, before: str) -> bool:
    starts_sentence = not before.strip() or before.rstrip()[-1] in ".!?:\n"
    return word[0].isupper() and not word.isupper() and not starts_sentence


def _says_little(word: str) -> bool:
    plain = word.lower().replace("\u2019", "'")
    return len(plain) < _SHORTEST_STEM or "'" in plain or not plain.isalpha() or plain in _COMMON_WORDS


_COMMON_WORDS = frozenset(_COMMON.split())
