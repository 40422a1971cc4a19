"""Operators that ask the reflector: rewrite, constrain, restructure, compress and the merge of two versions."""

import re

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.lessons import shown_lessons
from gepa_next.gepa.messages import reflector_messages
from gepa_next.gepa.proposers.draft import Draft, Plan, extended
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.rollouts import spent_by
from gepa_next.gepa.run import Run
from gepa_next.gepa.spending import spent_on
from gepa_next.gepa.types import Completion, Example, ModelCall, Role, Rollout

REFLECTION_MAX_TOKENS = 4096
_WRAPPED = re.compile(
    r"\A\s*(?:```\w*\n(.*)\n```|<instructions(?:-[0-9a-f]{8})?>(.*)</instructions(?:-[0-9a-f]{8})?>)\s*\Z", re.DOTALL
)


def reflect(run: Run, plan: Plan) -> Draft:
    """Ask the reflector for the proposal; a call that fails makes a draft that says why."""
    call = ModelCall(
        role=Role.REFLECTOR,
        key=f"{run.state.iteration + 1}/reflector/{plan.candidate_id}",
        messages=reflector_messages(
            plan.operator,
            plan.parent,
            _cases(run, plan),
            lessons=shown_lessons(run.state.lessons),
            task=run.state.task,
            other=plan.other.text if plan.other else "",
        ),
        reply_type=AdditionReply if plan.operator == "constrain" else PromptReply,
        max_tokens=REFLECTION_MAX_TOKENS,
    )
    try:
        return _draft(plan, run.model(call))
    except ProviderError:
        raise
    except ModelError as error:
        return Draft(refusal=f"reflector_{error.code}", spending=spent_by(Role.REFLECTOR, error))


def _draft(plan: Plan, answer: Completion) -> Draft:
    spent = spent_on(Role.REFLECTOR, answer.usage)
    match answer.reply:
        case PromptReply(lesson=lesson, prompt=prompt):
            return Draft(text=unwrapped(prompt), lesson=lesson, spending=spent)
        case AdditionReply(lesson=lesson, addition=addition) if unwrapped(addition):
            return Draft(text=extended(plan.parent.text, unwrapped(addition)), lesson=lesson, spending=spent)
    return Draft(refusal="empty", spending=spent)


def _cases(run: Run, plan: Plan) -> list[tuple[Example, Rollout]]:
    """Return what the parent did on the minibatch, worst first."""
    done = ((each, run.state.rollouts.get((plan.parent.id, each.id))) for each in plan.minibatch)
    cases = [(example, rollout) for example, rollout in done if rollout is not None and rollout.score is not None]
    return sorted(cases, key=lambda case: case[1].score or 0.0)


def unwrapped(text: str) -> str:
    """Return the text without a code fence or tag around all of it."""
    found = _WRAPPED.match(text)
    return next(each for each in (*(found.groups() if found else ()), text) if each is not None).strip()
