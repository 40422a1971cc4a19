"""Requests that work, and what they were answered: the examples of the description."""

import json
from collections.abc import Mapping
from importlib.resources import files

Requests = Mapping[str, Mapping[str, object]]
Answers = Mapping[str, Mapping[str, Mapping[str, object]]]
_HERE = files(__name__)


def read_requests() -> Requests:
    """Return the requests by the name of their shape and a summary of each; a text is one that is no JSON."""
    found: Requests = json.loads(_text("requests.json"))
    return found


def read_answers() -> Answers:
    """Return what a server answered, by operation, status and content type."""
    found: Answers = json.loads(_text("answers.json"))
    return found


def _text(name: str) -> str:
    return _HERE.joinpath(name).read_text(encoding="utf-8")
