"""A program of two components for the engine: one knows the answers to even kinds of requests, one to odd ones."""

import json
import re
from dataclasses import replace
from typing import Any

from gepa_next.gepa.components import joined
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.types import Candidate, Decision, Message, ModelCall, Task
from tests.gepa.stage import CASE, Ended, Models, ended, kind_of, learns, requests, task_of, text_of

SEEDS = {"even": "Answer the even kinds.", "odd": "Answer the odd kinds."}


def looks_up(call: ModelCall) -> ProgramReply:
    given, kind = json.loads(call.messages[0].content), kind_of(call.messages[1].content)
    rule = re.search(rf"kind-{kind}: (answer-\d)", given["prompts"]["odd" if int(kind) % 2 else "even"])
    output = rule[1] if rule else "I cannot say."
    score = float(output == f"answer-{kind}")
    return ProgramReply(output=output, score=score, feedback=f"Wanted: answer-{kind}.", trace=f"looked up {kind}")


def learns_its_own(call: ModelCall) -> object:
    """Learn from the cases that the component shown is there for, if there are any."""
    text = text_of(call)
    part = re.search(r"its part (\w+);", text)
    cases = [
        found[0] for found in CASE.finditer(text) if part and ["even", "odd"][int(kind_of(found[2])) % 2] == part[1]
    ]
    shown = text[: text.index("<case-")] + "\n".join(cases) if cases else text
    return learns(replace(call, messages=(Message("user", shown),)))


def program_task(count: int = 45, **changes: Any) -> Task:
    given = {"prompt": joined(SEEDS), "prompts": SEEDS, "iterations": 12, "population": 4, **changes}
    return task_of(requests(count, ideals=True), **given)


def program_models(**handlers: Any) -> Models:
    return Models(**{"target": looks_up, "reflector": learns_its_own, **handlers})


def program_run(task: Task | None = None, models: Models | None = None, **ports: Any) -> Ended:
    return ended(task or program_task(), models or program_models(), **{"program_weight": 1.0, **ports})


def evolved(candidate_id: int, *parents: int, **prompts: str) -> Candidate:
    """Return an accepted candidate with the seed's components but for these; the seed candidate has no parents."""
    decision = Decision.ACCEPTED if parents else Decision.SEED
    whole = {**SEEDS, **prompts}
    return Candidate(id=candidate_id, text=joined(whole), prompts=whole, parents=parents, decision=decision)
