"""Lessons: what proposals taught, kept once each and shown to later ones."""

from collections.abc import Sequence
from functools import lru_cache

from gepa_next.gepa.types import Lesson

SHOWN = 6
SAME_WORDS = 0.8
LONGEST = 400
LATEST = 50  # lessons that a new one is compared with, so that it costs no more when there are many


def shown_lessons(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Return the lessons for a reflector to read: those that came with the largest gains, newest first of equals."""
    helpful = [each for each in lessons if each.gain is None or each.gain >= 0]
    helpful.sort(key=lambda each: (each.gain if each.gain is not None else -1.0, each.id), reverse=True)
    return helpful[:SHOWN]


def new_lesson(
    lessons: Sequence[Lesson],
    text: str,
    *,
    candidate_id: int,
    iteration: int,
    gain: float | None,
) -> Lesson | None:
    """Return the lesson to keep, or None if it says nothing or what a late one says already."""
    text = " ".join(text.split())[:LONGEST]
    if not text or any(_overlap(text, each.text) >= SAME_WORDS for each in lessons[-LATEST:]):
        return None
    return Lesson(id=len(lessons) + 1, text=text, candidate_id=candidate_id, iteration=iteration, gain=gain)


def _overlap(one: str, other: str) -> float:
    """Return the Jaccard similarity of the two sets of words, in [0, 1]."""
    a, b = _words(one), _words(other)
    return len(a & b) / max(1, len(a | b))


@lru_cache(maxsize=4096)  # each lesson meets many
def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())
