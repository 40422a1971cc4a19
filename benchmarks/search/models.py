"""The simulated models as every optimiser meets them, counting rollouts and noting what would be returned when."""

import random
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256

from benchmarks.search.reflector import Reflector
from benchmarks.search.world import World


@dataclass(slots=True)
class Rolled:
    """One rollout: what the target answered and what the metric said."""

    output: str
    score: float
    feedback: str


@dataclass(slots=True)
class Models:
    """Target, metric and reflector of one trial; asked the same question again, they may answer otherwise."""

    world: World
    rollouts: int = 0
    reflections: int = 0
    curve: list[tuple[int, str]] = field(default_factory=list)  # what would be returned from so many rollouts on
    _asked: Counter[bytes] = field(default_factory=Counter)

    @property
    def reflector(self) -> Reflector:
        """The reflector of the trial's family."""
        return Reflector(self.world.family)

    def roll(self, prompt: str, given: str) -> Rolled:
        """Run a prompt on an input and score the answer; this is what a budget counts."""
        self.rollouts += 1
        output = self.world.answer(prompt, given, self.stream(prompt, given))
        return Rolled(output, *self.world.judge(given, output))

    def stream(self, *question: str) -> random.Random:
        """Return the random stream for asking this question once more."""
        key = sha256("\0".join((str(self.world.seed), *question)).encode()).digest()
        self._asked[key] += 1
        return random.Random(key + bytes([self._asked[key] % 256]))

    def note(self, prompt: str) -> None:
        """Note that from now on this prompt would be returned."""
        if not self.curve or self.curve[-1][1] != prompt:
            self.curve.append((self.rollouts, prompt))


@dataclass(slots=True)
class Judged:
    """A proposal that was run, its parent, and whether it entered the pool."""

    prompt: str
    parent: str
    accepted: bool
