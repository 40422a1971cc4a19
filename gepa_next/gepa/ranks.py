"""Ranks: the places of values in their order, which is what Spearman's correlation compares."""

from collections.abc import Sequence
from itertools import groupby

from gepa_next.gepa.pause import pause


def ranks(values: Sequence[float]) -> list[float]:
    """Return the rank of each value, from 1; equal ones share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    pause()
    found = [0.0] * len(values)
    before = 0
    for _, group in groupby(order, key=values.__getitem__):
        places = list(group)
        for place in places:
            found[place] = before + (len(places) + 1) / 2
        before += len(places)
    return found
