"""Guards: what a proposal must satisfy before anything is paid for it."""

import re
from collections.abc import Mapping
from math import inf
from types import MappingProxyType

from gepa_next.gepa.state import State, fingerprint
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Task

NO_PROMPTS: Mapping[str, str] = MappingProxyType({})
_PLACEHOLDER = re.compile(r"\{[A-Za-z_]\w*\}")


def refusal(state: State, text: str, *, siblings: set[bytes], prompts: Mapping[str, str] = NO_PROMPTS) -> str | None:
    """Return the first reason why the text must not be evaluated, None if there is none.

    `siblings` are the fingerprints of the proposals that came before it in the same iteration. Of a candidate for a
    program, `prompts` are the components that the text is made of: each is held against its own seed text.
    """
    task = state.task
    changes = [(task.prompts[name], new) for name, new in prompts.items()] or [(task.prompt, text)]
    if not all(new.strip() for _, new in changes):
        return "empty"
    if state.was_tried(text) or fingerprint(text) in siblings:
        return "duplicate"
    if any(placeholders(new) != placeholders(old) for old, new in changes):
        return "placeholder"
    if any(kept not in new for old, new in changes for kept in task.keep if kept in old or not prompts):
        return "keep"
    if tokens_left(task, text) < 0:
        return "max_prompt_tokens"
    return "leak" if state.hidden.leak_into(text) is not None else None


def placeholders(text: str) -> set[str]:
    """Return the `{name}` places that a program fills in."""
    return set(_PLACEHOLDER.findall(text))


def tokens_left(task: Task, text: str) -> float:
    """Return by how many tokens the text may grow; below 0 it is too long."""
    return inf if task.max_prompt_tokens is None else task.max_prompt_tokens - count_tokens(text)
