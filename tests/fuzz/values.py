"""What hypothesis makes: texts and JSON that can be stored, what is nearly JSON, and places to cut."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TypeVar

from hypothesis import strategies as st

from gepa_next.api.edge.body import LARGEST_INTEGER

Cut = TypeVar("Cut", str, bytes)
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"))  # what the store takes
NUMBER = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER) | st.floats(allow_nan=False, allow_infinity=False)
LEAF = st.none() | st.booleans() | NUMBER | TEXT
JSON = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=12
)
OBJECT = st.dictionaries(TEXT, JSON, max_size=4)
# Mostly what JSON is made of, so that what comes out is nearly JSON.
CRUMBS = st.sampled_from(
    [*"{}[]:,\"\\\n\t '", "true", "null", "NaN", "1e999", "```", "<think>", "</think>", '"score"', "0.5"]
)
NEARLY_JSON = st.lists(CRUMBS | st.text(max_size=3), max_size=40).map("".join)
CUTS = st.lists(st.integers(0, 10_000), max_size=12)


def split(whole: Cut, places: Sequence[int]) -> list[Cut]:
    """Return what is whole cut at these places, taken modulo its length, without empty pieces."""
    cuts = sorted({place % (len(whole) + 1) for place in places} | {0, len(whole)})
    return [whole[start:end] for start, end in pairwise(cuts)]
