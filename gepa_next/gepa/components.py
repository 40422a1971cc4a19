"""Components: the named texts of a candidate for a program, of which a proposal changes one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Candidate, Task

SEVERAL = 2


def joined(prompts: Mapping[str, str]) -> str:
    """Return the components as one text, each under its name; a single one as it is."""
    if len(prompts) == 1:
        return next(iter(prompts.values()))
    return "\n\n".join(f"[{name}]\n{text}" for name, text in prompts.items())


def in_turn(names: Sequence[str], candidate_id: int) -> str:
    """Return the component that a proposal changes, each in its turn; empty where there are none."""
    return names[candidate_id % len(names)] if names else ""


def narrowed(candidate: Candidate, component: str) -> Candidate:
    """Return the candidate as if that component were its prompt: this is what operators work on."""
    return replace(candidate, text=candidate.prompts[component]) if component else candidate


def narrowed_task(task: Task, parent: Candidate, component: str) -> Task:
    """Return the task as if that component were its prompt: its texts to keep, the tokens the others leave it."""
    if not component:
        return task
    seed, most = task.prompts[component], task.max_prompt_tokens
    if most is not None:
        most -= count_tokens(joined(parent.prompts)) - count_tokens(parent.prompts[component])
    return replace(task, prompt=seed, keep=tuple(kept for kept in task.keep if kept in seed), max_prompt_tokens=most)
