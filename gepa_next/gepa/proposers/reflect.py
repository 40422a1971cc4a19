"""Operators that ask the reflector: rewrite, constrain and compress."""

import re
from dataclasses import replace

from gepa_next.errors import ModelError, ProviderError
from gepa_next.gepa.components import narrowed_task
from gepa_next.gepa.lessons import shown_lessons
from gepa_next.gepa.messages import LONGEST_SHOWN, reflector_messages
from gepa_next.gepa.outages import NOTHING_TO_ADD
from gepa_next.gepa.proposers.draft import Draft, Plan, extended
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.run import Run
from gepa_next.gepa.sampling import further_cases
from gepa_next.gepa.spending import add_spending, spent_by, spent_on
from gepa_next.gepa.types import Completion, Example, ModelCall, Role, Rollout

REFLECTION_MAX_TOKENS = 4096
SHORTENINGS = 2  # of a message that is too long for the reflector
_WRAPPED = re.compile(
    r"\A\s*(?:```\w*\n(.*)\n```|<instructions(?:-[0-9a-f]{8})?>(.*)</instructions(?:-[0-9a-f]{8})?>)\s*\Z", re.DOTALL
)


def reflect(run: Run, plan: Plan, *, shortenings: int = 0) -> Draft:
    """Ask the reflector for the proposal, with less if that was too much; a failed call is a draft saying why."""
    try:
        return _draft(plan, run.model(_call(run, plan, shortenings)))
    except ProviderError:
        raise
    except ModelError as error:
        if error.code != "context_length" or shortenings == SHORTENINGS:
            return Draft(
                refusal=f"reflector_{error.code}", detail=error.message, spending=spent_by(Role.REFLECTOR, error)
            )
        shorter = reflect(run, plan, shortenings=shortenings + 1)
        return replace(shorter, spending=add_spending(spent_by(Role.REFLECTOR, error), shorter.spending))


def _call(run: Run, plan: Plan, shortenings: int) -> ModelCall:
    """Return the question; each shortening halves the number of cases and the length of their texts."""
    key = f"{run.state.iteration + 1}/reflector/{plan.candidate_id}"
    cases = _cases(run, plan)
    return ModelCall(
        role=Role.REFLECTOR,
        key=f"{key}/shorter-{shortenings}" if shortenings else key,
        messages=reflector_messages(
            plan.operator,
            plan.parent,
            cases[: -(-len(cases) // 2**shortenings)],
            lessons=shown_lessons(run.state.best_lessons),
            task=narrowed_task(run.state.task, plan.parent, plan.component),
            component=plan.component,
            longest=LONGEST_SHOWN // 2**shortenings,
        ),
        reply_type=AdditionReply if plan.operator == "constrain" else PromptReply,
        max_tokens=REFLECTION_MAX_TOKENS,
    )


def _draft(plan: Plan, answer: Completion) -> Draft:
    spent = spent_on(Role.REFLECTOR, answer.usage)
    match answer.reply:
        case PromptReply(lesson=lesson, prompt=prompt) if unwrapped(prompt):
            return Draft(text=unwrapped(prompt), lesson=lesson, spending=spent)
        case AdditionReply(lesson=lesson, addition=addition) if unwrapped(addition):
            return Draft(text=extended(plan.parent.text, unwrapped(addition)), lesson=lesson, spending=spent)
        case AdditionReply():
            return Draft(refusal=NOTHING_TO_ADD, detail="an addition without a text", spending=spent)
    return Draft(refusal="empty", detail="a reply without a text", spending=spent)


def _cases(run: Run, plan: Plan) -> list[tuple[Example, Rollout]]:
    """Return what the parent did on the minibatch and where it failed before, worst first."""
    further = further_cases(run.state, plan.parent, plan.minibatch, plan.candidate_id)
    done = ((each, run.state.rollouts.get((plan.parent.id, each.id))) for each in (*plan.minibatch, *further))
    cases = [(example, rollout) for example, rollout in done if rollout is not None and rollout.score is not None]
    return sorted(cases, key=lambda case: case[1].score or 0.0)


def unwrapped(text: str) -> str:
    """Return the text without a code fence or tag around all of it."""
    found = _WRAPPED.match(text)
    return next(each for each in (*(found.groups() if found else ()), text) if each is not None).strip()
