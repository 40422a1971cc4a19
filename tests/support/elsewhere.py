"""Elsewhere without another process: everything is pickled on the way there and back."""

import pickle
from collections.abc import Callable

from gepa_next.elsewhere import Done, NotDone


def over_the_wire(function: Callable[..., object], /, *arguments: object, lasts_s: float) -> Done[object]:
    there, given = pickle.loads(pickle.dumps((function, arguments)))  # noqa: S301 - our own
    return Done(pickle.loads(pickle.dumps(there(*given))))  # noqa: S301 - as above


def at_the_third_try(function: Callable[..., object], /, *arguments: object, lasts_s: float) -> Done[object]:
    """Do it, after two that died over it."""
    return Done(over_the_wire(function, *arguments, lasts_s=lasts_s).result, begun=3)


def nowhere(function: Callable[..., object], /, *arguments: object, lasts_s: float) -> Done[object]:
    raise NotDone("the cluster: nobody is there", begun=0)


def lost(function: Callable[..., object], /, *arguments: object, lasts_s: float) -> Done[object]:
    raise NotDone("the cluster: all died over it", begun=4)
