"""What every deterministic metric has in common: bounded outputs, checked ideals, feedback that can be stored."""

import unicodedata
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar

from gepa_next.errors import ModelError
from gepa_next.gepa.types import Example, Verdict

LONGEST_OUTPUT = 200_000
QUOTED_OUTPUT, QUOTED_IDEAL = 200, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class DeterministicMetric(ABC):
    """Score an output by a fixed rule; its fields are the parameters of a request. Called from many threads.

    An output of more than 200,000 characters scores 0 unread. ModelError with `sends` 0 where no score can be
    had: `no_ideal`, `unusable_ideal`, `too_complex`.
    """

    needs_ideal: ClassVar[bool] = False

    def __call__(self, example: Example, output: str) -> Verdict:
        """Return score and feedback."""
        if len(output) > LONGEST_OUTPUT:
            long = f"Wrong: the answer has {len(output)} characters; more than {LONGEST_OUTPUT} are not read."
            return Verdict(score=0.0, feedback=long)
        verdict = self.verdict(example, output)
        return replace(verdict, feedback=_storable(verdict.feedback))

    @abstractmethod
    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return score and feedback for an output that is not too long."""

    def check(self, example: Example) -> None:
        """Raise ModelError if the example's ideal is of no use to the metric."""
        if self.needs_ideal:
            ideal_of(example)


def ideal_of(example: Example) -> str:
    """Return the example's ideal; ModelError if there is none."""
    if example.ideal is None:
        raise unscorable("no_ideal", f"example {example.id} has no ideal to compare with")
    return example.ideal


def unscorable(code: str, message: str) -> ModelError:
    """Return the error for a rollout without a score; nobody was asked, so it cost nothing."""
    return ModelError(code, message, sends=0, cost_usd=0.0)


def normal(text: str) -> str:
    """Return the text in Unicode NFC, without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def quoted(text: str, most: int = QUOTED_OUTPUT) -> str:
    """Return the text in quotes, and its start only if it is long: the reflector reads all of it elsewhere."""
    return repr(text) if len(text) <= most else f"{text[:most]!r}…"


def versus(ideal: str, output: str) -> str:
    """Return the end of a sentence on what was expected: the ideal, and what came instead."""
    return f"{quoted(ideal, QUOTED_IDEAL)}, got {quoted(output)}."


def _storable(feedback: str) -> str:
    # A value in JSON may hold a lone surrogate or NUL as an escape.
    return feedback.replace("\0", "\ufffd").encode(errors="replace").decode()
