"""Metrics of likeness: shared words, words in order, edits."""

import re
import string
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar, TypeVar

from rapidfuzz.distance import LCSseq, Levenshtein

from gepa_next.gepa.pause import pause
from gepa_next.gepa.types import Example, Verdict
from gepa_next.metrics.deterministic import DeterministicMetric, ideal_of, normal, quoted, versus
from gepa_next.metrics.text import parting

BLOCK_CHARACTERS, BLOCK_WORDS = 10_000, 5_000  # at most 11 ms on the machines we use
WORDS_SHOWN, LONGEST_WORD_SHOWN = 10, 30
_ARTICLES = re.compile(r"\b(?:a|an|the)\b")
_WORD = re.compile(r"[^\W_]+")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
Sliced = TypeVar("Sliced", bound=Sequence[object])


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenF1(DeterministicMetric):
    """Score the harmonic mean of precision and recall of the output's words against the ideal's, as bags.

    Range [0, 1]; symmetric; 1 when both have no words, 0 when one has none. F1 of SQuAD (Rajpurkar et al.,
    arXiv:1606.05250) with its normal form: lower case, without ASCII punctuation and the articles a, an, the,
    split at white space; after Unicode NFC.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return F1, and which words are missing and which should not be there."""
        ideal, answer = normal(ideal_of(example)), normal(output)
        expected, got = Counter(bag_words(ideal)), Counter(bag_words(answer))
        score = _f1((expected & got).total(), expected.total(), got.total())
        told = f"{_words('Missing words', expected - got)}{_words('Words that should not be there', got - expected)}"
        return _graded(score, "word F1", ideal, answer, told)


@dataclass(frozen=True, slots=True, kw_only=True)
class RougeL(DeterministicMetric):
    """Score the F-measure of the longest common subsequence of words of output and ideal.

    Range [0, 1]; symmetric; 1 when both have no words. ROUGE-L (Lin, "ROUGE: A Package for Automatic Evaluation
    of Summaries", 2004) with beta 1, over the whole text; words are runs of letters and digits in lower case, not
    stemmed. Beyond 5,000 words the texts are compared block by block, so that the score is at most the true one.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return the F-measure, and the words that are not in the common subsequence."""
        ideal, answer = normal(ideal_of(example)), normal(output)
        expected, got = sequence_words(ideal), sequence_words(answer)
        numbers = {word: number for number, word in enumerate(dict.fromkeys((*expected, *got)))}
        first, second = [numbers[each] for each in expected], [numbers[each] for each in got]
        common = sum(LCSseq.similarity(one, other) for one, other in _in_blocks(first, second, BLOCK_WORDS))
        told = f"{common} words are common in this order, of {len(expected)} expected and {len(got)} given."
        missing = _words("Missing words", Counter(expected) - Counter(got))
        return _graded(_f1(common, len(expected), len(got)), "ROUGE-L", ideal, answer, f" {told}{missing}")


@dataclass(frozen=True, slots=True, kw_only=True)
class EditSimilarity(DeterministicMetric):
    """Score 1 less the Levenshtein distance of output and ideal over the length of the longer.

    Range [0, 1]; symmetric; 1 when both are empty. Insertions, deletions and substitutions of characters, each
    costing 1 (Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966), after
    Unicode NFC and stripping. Beyond 10,000 characters the texts are compared block by block, so that the score is
    at most the true one.
    """

    needs_ideal: ClassVar[bool] = True

    def verdict(self, example: Example, output: str, /) -> Verdict:
        """Return the similarity, the number of edits, and where the texts part."""
        ideal, answer = normal(ideal_of(example)), normal(output)
        edits = sum(Levenshtein.distance(one, other) for one, other in _in_blocks(ideal, answer, BLOCK_CHARACTERS))
        score = 1.0 - edits / max(len(ideal), len(answer), 1)
        told = f" {edits} edits lie between them. {parting(ideal, answer)}" if edits else ""
        return _graded(score, "edit similarity", ideal, answer, told)


def bag_words(text: str) -> list[str]:
    """Return the words of a text in the normal form of SQuAD."""
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def sequence_words(text: str) -> list[str]:
    """Return the runs of letters and digits of a text in lower case."""
    return _WORD.findall(text.lower())


def _f1(common: int, expected: int, got: int) -> float:
    return 2 * common / (expected + got) if expected + got else 1.0


def _in_blocks(first: Sliced, second: Sliced, size: int) -> Iterator[tuple[Sliced, Sliced]]:
    """Yield the sequences in blocks, giving way to others in between.

    The edits of all blocks together are a way to edit the whole, so they are never fewer than the fewest.
    """
    for start in range(0, max(len(first), len(second)), size):
        yield first[start : start + size], second[start : start + size]  # type: ignore[misc]  # a slice is of its kind
        pause()


def _graded(score: float, name: str, ideal: str, answer: str, told: str) -> Verdict:
    if score == 1:
        return Verdict(score=1.0, feedback=f"Right: {quoted(ideal)}.")
    opening = "Partly right" if score else "Wrong"
    return Verdict(score=score, feedback=f"{opening}, {name} {score:.2f}: expected {versus(ideal, answer)}{told}")


def _words(title: str, words: Counter[str]) -> str:
    shown = [quoted(word, LONGEST_WORD_SHOWN) for word in islice(words, WORDS_SHOWN)]
    more = f" and {len(words) - len(shown)} more" if len(words) > len(shown) else ""
    return f" {title}: {', '.join(shown)}{more}." if shown else ""
