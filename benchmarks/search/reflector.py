"""The simulated reflector: it knows what its message says and nothing else, and makes a reflector's mistakes.

It misreads feedback, rewrites without changing anything, states rules too widely or too narrowly, loses lines and
is verbose. Feedback that several cases share is misread less often.
"""

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.search.families import Family
from benchmarks.search.world import RULE

AT_ONCE = 2  # how many pieces of feedback one rewriting takes up
CARRIES_OVER = 0.3  # how likely it takes up a rule that a lesson praises
_PIECE = re.compile(r"(Missing|Wrong|Pointless): ([a-z, ]+)\.")
_TOPIC = re.compile(r"Topic ([a-z]+)\.")
_LESSON = re.compile(r"- (?:for [a-z]+: )?do [a-z]+")
_MISREAD = str.maketrans("aeioubdgkmprstv", "eiouadgkmprstvb")


@dataclass(slots=True)
class Asked:
    """What a question to the reflector holds, whoever asks it."""

    prompt: str
    cases: Sequence[tuple[str, str]]  # input and feedback
    praised: Sequence[str] = ()  # rules that have helped


@dataclass(slots=True)
class Written:
    """A new prompt, the lines that are new in it, and what was learned."""

    prompt: str
    added: list[str] = field(default_factory=list)

    @property
    def lesson(self) -> str:
        """The new rules in one sentence."""
        return "; ".join(line.split(",")[0] for line in self.added)


class Reflector:
    """Answers questions; the same question with the same random stream has the same answer."""

    def __init__(self, family: Family) -> None:
        self.family = family

    def rewrite(self, asked: Asked, rng: random.Random) -> Written:
        """Return the whole prompt anew, with up to two pieces of feedback taken up."""
        if rng.random() < self.family.idle:
            return self.idle(asked, rng)
        lines = [line for line in asked.prompt.splitlines() if rng.random() >= self.family.loss]
        before = set(lines)
        lines = self._taught(lines, asked, rng, AT_ONCE)
        return Written("\n".join(lines), [line for line in lines if line not in before])

    def add(self, asked: Asked, rng: random.Random) -> Written:
        """Return the prompt with one piece of feedback taken up at its end."""
        if rng.random() < self.family.idle:
            return self.idle(asked, rng)
        old = asked.prompt.splitlines()
        new = [line for line in self._taught(old, asked, rng, 1) if line not in old]
        return Written("\n".join(new), new)

    def shorten(self, asked: Asked, rng: random.Random) -> Written:
        """Return the prompt without what is said about its rules, at a greater risk for the rules."""
        kept = dict.fromkeys(RULE.sub(_bare, line) for line in asked.prompt.splitlines())
        lines = [line for line in kept if rng.random() >= 2 * self.family.loss and not line.startswith("Note")]
        return Written("\n".join(lines))

    def idle(self, asked: Asked, rng: random.Random) -> Written:
        """Return a prompt that says the same with more words."""
        note = f"Note {rng.randrange(10**6)}{self._filler(rng)}"
        return Written(f"{asked.prompt}\n{note}", [note])

    def _taught(self, lines: list[str], asked: Asked, rng: random.Random, at_once: int) -> list[str]:
        pieces = Pieces(asked.cases)
        for kind, act in pieces.drawn(at_once, rng):
            topic = rng.choice(sorted(pieces.topics[kind, act]))
            if kind == "Missing":
                rule = self._rule(act, topic, pieces, rng)
                known = any(line.startswith((rule, f"- do {rule.split()[-1]}")) for line in lines)
                lines = lines if known else [*lines, f"{rule}{self._filler(rng)}"]
            else:
                lines = _unwanted(lines, act, topic if kind == "Wrong" else None, rng)
        carried = [rule for rule in asked.praised if not any(line.startswith(rule) for line in lines)]
        return lines + [rule for rule in carried[:1] if rng.random() < CARRIES_OVER]

    def _rule(self, act: str, topic: str, pieces: "Pieces", rng: random.Random) -> str:
        """Return the rule it makes of a missing act, which may be misread, too wide or too narrow."""
        misread = rng.random() < (1 - self.family.skill) ** pieces.counts["Missing", act]
        for_all = len(pieces.topics["Missing", act]) > 1 or rng.random() >= self.family.narrow
        for_all = for_all and ("Wrong", act) not in pieces.counts
        start = "- do" if for_all else f"- for {topic}: do"
        return f"{start} {act.translate(_MISREAD) if misread else act}"

    def _filler(self, rng: random.Random) -> str:
        count = rng.randint(0, 2 * self.family.filler_words)
        return "".join(f", w{rng.randrange(100)}" for _ in range(count))


def _unwanted(lines: list[str], act: str, topic: str | None, rng: random.Random) -> list[str]:
    """Return the lines mended: a rule that is wrong on a topic is taken out or given its exception."""
    stated = [line for line in lines if (rule := RULE.match(line)) and rule["act"] == act and rule["verb"] == "do"]
    own = [line for line in stated if topic is not None and line.startswith(f"- for {topic}:")]
    if topic is None or own or rng.random() < 0.5:
        gone = own or stated
        return [line for line in lines if line not in gone]
    exception = f"- for {topic}: avoid {act}"
    return lines if any(line.startswith(exception) for line in lines) else [*lines, exception]


class Pieces:
    """What the feedback of some cases says: how often, and on which topics."""

    def __init__(self, cases: Sequence[tuple[str, str]]) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.topics: dict[tuple[str, str], set[str]] = {}
        for given, feedback in cases:
            topic = _TOPIC.search(given)
            for kind, acts in _PIECE.findall(feedback):
                for act in acts.split(", "):
                    self.counts[kind, act] += 1
                    self.topics.setdefault((kind, act), set()).add(topic[1] if topic else "all")

    def drawn(self, at_once: int, rng: random.Random) -> list[tuple[str, str]]:
        """Draw pieces, the more often said the more likely."""
        left, drawn = dict(sorted(self.counts.items())), list[tuple[str, str]]()
        while left and len(drawn) < at_once:
            one = rng.choices(list(left), weights=list(left.values()))[0]
            del left[one]
            drawn.append(one)
        return drawn


def _bare(rule: re.Match[str]) -> str:
    return rule[0].removesuffix(rule["filler"])


def rules_in(text: str) -> list[str]:
    """Return the rules that a text states, as a lesson would."""
    return [each.strip() for each in _LESSON.findall(text)]
