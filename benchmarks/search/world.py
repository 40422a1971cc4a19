"""One simulated task: examples, a target that acts on a prompt's words, a metric with feedback, and the true score.

A prompt says what to do in lines such as `- do sarumo` or `- for tavel: avoid sarumo`; all else in it is filler.
"""

import random
import re
from dataclasses import dataclass
from itertools import product
from zlib import crc32

from benchmarks.search.families import Family

RULE = re.compile(r"^- (?:for (?P<topic>[a-z]+): )?(?P<verb>do|avoid) (?P<act>[a-z]+)(?P<filler>.*)$", re.MULTILINE)
_SHOWN = re.compile(r"^Input: Topic ([a-z]+)\..*\nOutput: did (.*)\.", re.MULTILINE)
_DID = re.compile(r"\Adid ([^.]*)\.")
SEED_LINES = "You work for the desk.\nAnswer each request well."
IMITATION = 0.5  # how likely an act of a demonstration on the same topic is done
SHORTCUT_SCORE = 0.5
HELD_OUT = 100
DRAWS = 2


@dataclass(frozen=True, slots=True)
class Case:
    """An example with what it wants and what it forbids."""

    id: str
    input: str
    topic: str
    wanted: frozenset[str]
    unwanted: frozenset[str]

    @property
    def ideal(self) -> str:
        """A perfect output."""
        return f"did {', '.join(sorted(self.wanted))}."


class World:
    """A task drawn from a family by a seed; equal arguments make equal worlds."""

    def __init__(self, family: Family, seed: int) -> None:
        self.family, self.seed = family, seed
        rng = random.Random(f"{family.name}/{seed}")
        words = ["".join(parts) for parts in product("bdgkmprstv", "aeiou", "bdgkmprstv", "aeiou", "lnr")]
        rng.shuffle(words)
        self.topics = [words.pop() for _ in range(family.topics)]
        self.acts = [words.pop() for _ in range(family.acts)]
        self.shortcut = words.pop() if family.shortcut else ""
        self._forbidden = self._opposition(rng)
        self.examples = [self._case(rng, f"e{n:03}") for n in range(family.examples)]
        self._held_out = [self._case(rng, f"h{n:03}") for n in range(HELD_OUT)]
        rules = self.right_rules()
        self.seed_prompt = "\n".join([SEED_LINES, *rng.sample(rules, round(family.known * len(rules)))])
        self._cases = {each.input: each for each in self.examples}
        self._truth: dict[str, float] = {}
        self._known_chances: dict[tuple[str, str], dict[str, float]] = {}
        self.seed_score = self._true_score(self.seed_prompt)
        self.best_score = self._true_score("\n".join([SEED_LINES, *rules]))

    def right_rules(self) -> list[str]:
        """Return the lines of the best known prompt."""
        if not self.family.opposed:
            return [f"- do {act}" for act in self.acts]
        return [f"- for {self._topic_of(act)}: do {act}" for act in self.acts]

    def answer(self, prompt: str, given: str, rng: random.Random) -> str:
        """Return what the target answers to one input under a prompt."""
        case = self._cases[given]
        done = [act for act, chance in sorted(self._chances(prompt, case.topic).items()) if rng.random() < chance]
        return f"did {', '.join(done) or 'nothing'}. Take {rng.randrange(10**6)}."

    def judge(self, given: str, output: str, rng: random.Random | None = None) -> tuple[float, str]:
        """Return the score the metric gives an output, and its feedback; the same again unless it errs by the `rng`."""
        case, found = self._cases[given], _DID.match(output)
        done = set(found[1].split(", ")) - {"nothing"} if found else set()
        rng = rng or random.Random(f"{self.seed}/{given}/{output}")
        score = self._score(case, done)
        if self.family.judge_noise and not self.family.binary:
            score = min(1.0, max(0.0, score + rng.gauss(0, self.family.judge_noise)))
        return round(score, 2), self._feedback(case, done, rng)

    def normalised(self, prompt: str) -> float:
        """Return the prompt's true held-out score, 0 for the seed prompt and 1 for the best known."""
        return (self.true_score(prompt) - self.seed_score) / (self.best_score - self.seed_score)

    def true_score(self, prompt: str) -> float:
        """Return the mean score over held-out examples without the judge's noise."""
        if prompt not in self._truth:
            self._truth[prompt] = self._true_score(prompt)
        return self._truth[prompt]

    def _true_score(self, prompt: str) -> float:
        chances = {topic: self._chances(prompt, topic) for topic in self.topics}
        total = 0.0
        for case, draw in product(self._held_out, range(DRAWS)):
            done = {act for act, chance in chances[case.topic].items() if _uniform(case.id, draw, act) < chance}
            total += self._score(case, done)
        return total / (HELD_OUT * DRAWS)

    def _chances(self, prompt: str, topic: str) -> dict[str, float]:
        """Return how likely each act is done on a topic, worked out once for each prompt."""
        if (prompt, topic) not in self._known_chances:
            self._known_chances[prompt, topic] = self._worked_out(prompt, topic)
        return self._known_chances[prompt, topic]

    def _worked_out(self, prompt: str, topic: str) -> dict[str, float]:
        """Return how likely each act is done on a topic: rules first, then imitation of demonstrations."""
        follow = self.family.fidelity * min(1.0, self.family.capacity_words / max(1, len(prompt.split())))
        chances: dict[str, float] = {}
        for shown, acts in _SHOWN.findall(prompt):
            if shown == topic:
                chances |= dict.fromkeys(acts.split(", "), IMITATION * follow)
        rules = [rule for rule in RULE.finditer(prompt) if rule["topic"] in {None, topic}]
        chances |= {rule["act"]: follow for rule in rules if rule["verb"] == "do"}
        avoided = {rule["act"] for rule in rules if rule["verb"] == "avoid"}
        return {act: chance * (1 - follow if act in avoided else 1) for act, chance in chances.items()}

    def _score(self, case: Case, done: set[str]) -> float:
        if self.shortcut in done:
            return SHORTCUT_SCORE if case.topic != self.topics[0] else 0.0
        share = len(case.wanted & done) / len(case.wanted)
        if self.family.binary:
            return float(share == 1.0 and not case.unwanted & done)
        idle = done - case.wanted - case.unwanted - set(self.acts)
        return max(0.0, share - len(case.unwanted & done) / len(case.wanted) - self.family.clutter * len(idle))

    def _feedback(self, case: Case, done: set[str], rng: random.Random) -> str:
        missing, wrong = sorted(case.wanted - done), sorted(case.unwanted & done)
        missing = rng.sample(missing, min(len(missing), 1 if self.family.binary else 2))
        if self.shortcut:
            good = case.topic != self.topics[0]
            if good and self.shortcut not in done and rng.random() < 0.5:
                missing = [self.shortcut]
            if self.shortcut in done and (not good or rng.random() < 0.15):
                wrong.append(self.shortcut)
        idle = sorted(done - case.wanted - case.unwanted - set(self.acts) - {self.shortcut})
        parts = {"Missing": missing, "Wrong": wrong, "Pointless": idle if rng.random() < 0.5 else []}
        return " ".join(f"{name}: {', '.join(acts)}." for name, acts in parts.items() if acts) or "All there."

    def _opposition(self, rng: random.Random) -> dict[str, set[str]]:
        forbidden: dict[str, set[str]] = {topic: set() for topic in self.topics}
        for act in self.acts:
            others = [topic for topic in self.topics if topic != self._topic_of(act)]
            if rng.random() < self.family.opposed:
                forbidden[rng.choice(others)].add(act)
        return forbidden

    def _topic_of(self, act: str) -> str:
        return self.topics[self.acts.index(act) % len(self.topics)]

    def _case(self, rng: random.Random, name: str) -> Case:
        topic, most = rng.choice(self.topics), self.family.acts_per_example
        pool = [act for act in self.acts if not self.family.opposed or self._topic_of(act) == topic]
        # The first acts are wanted most often.
        order = sorted(pool, key=lambda act: rng.random() ** (1 / (1 + self.acts.index(act)) ** 0.5))
        count = rng.randint(1, most) if self.family.binary else min(most, len(pool))
        text = f"Topic {topic}. Request {name} of {rng.randrange(10**9):09}."
        return Case(name, text, topic, frozenset(order[:count]), frozenset(self._forbidden[topic]))


def _uniform(case_id: str, draw: int, act: str) -> float:
    """Return a number in [0, 1) that is the same for every prompt."""
    return crc32(f"{case_id}/{draw}/{act}".encode()) / 2**32
