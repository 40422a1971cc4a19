"""The simulated models as every optimiser meets them, counting rollouts and noting what would be returned when."""

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from threading import Lock

from benchmarks.search.reflector import Reflector
from benchmarks.search.world import World


@dataclass(slots=True)
class Rolled:
    """One rollout: what the target answered and what the metric said."""

    output: str
    score: float
    feedback: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """How long each model takes to answer."""

    target_s: float = 0.0
    judge_s: float = 0.0
    reflector_s: float = 0.0


@dataclass(slots=True)
class Models:
    """Target, metric and reflector of one trial; asked the same question again, they may answer otherwise."""

    world: World
    waits: Waits = Waits()
    rollouts: int = 0
    reflections: int = 0
    curve: list[tuple[int, str]] = field(default_factory=list)  # what would be returned from so many rollouts on
    noted_at: list[float] = field(default_factory=list)  # when, in seconds of the process's clock
    _asked: Counter[bytes] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def roll(self, prompt: str, given: str) -> Rolled:
        """Run a prompt on an input and score the answer; this is what a budget counts."""
        output = self.answer(prompt, given)
        return Rolled(output, *self.judge(given, output))

    def answer(self, prompt: str, given: str) -> str:
        """Answer as the target; this counts."""
        with self._lock:
            self.rollouts += 1
        time.sleep(self.waits.target_s)
        return self.world.answer(prompt, given, self.stream(prompt, given))

    def judge(self, given: str, output: str) -> tuple[float, str]:
        """Score an answer of the target, with feedback."""
        time.sleep(self.waits.judge_s)
        return self.world.judge(given, output)

    def reflect(self) -> Reflector:
        """Return the reflector for one question; this counts."""
        with self._lock:
            self.reflections += 1
        time.sleep(self.waits.reflector_s)
        return Reflector(self.world.family)

    def stream(self, *question: str) -> random.Random:
        """Return the random stream for asking this question once more."""
        key = sha256("\0".join((str(self.world.seed), *question)).encode()).digest()
        with self._lock:
            self._asked[key] += 1
            times = self._asked[key]
        return random.Random(key + bytes([times % 256]))

    def note(self, prompt: str) -> None:
        """Note that from now on this prompt would be returned."""
        if not self.curve or self.curve[-1][1] != prompt:
            self.curve.append((self.rollouts, prompt))
            self.noted_at.append(time.perf_counter())


@dataclass(slots=True)
class Judged:
    """A proposal that was run, its parent, and whether it entered the pool."""

    prompt: str
    parent: str
    accepted: bool
