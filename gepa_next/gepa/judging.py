"""Judging: the question to the judge about one output, and its answer as a verdict."""

from gepa_next.errors import ModelError
from gepa_next.gepa.messages import judge_messages
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.replies import SCORE_POINTS, JudgeReply
from gepa_next.gepa.spending import Spending, spent_on
from gepa_next.gepa.types import Example, ModelCall, Role, Verdict


def judge_call(example: Example, output: str, rubric: str, *, key: str, fresh: bool = False) -> ModelCall:
    """Return the question about an output; a `fresh` one wants an answer of its own, whoever asked the same before."""
    return ModelCall(
        role=Role.JUDGE,
        key=key,
        messages=judge_messages(example, output, rubric),
        reply_type=JudgeReply,
        temperature=0.0,
        fresh=fresh,
    )


def judged(model: LanguageModel, call: ModelCall) -> tuple[Verdict, Spending]:
    """Return the judge's verdict and what it consumed; ModelError if there is none."""
    answer = model(call)
    if not isinstance(answer.reply, JudgeReply):
        raise ModelError(
            "malformed_reply",
            "the judge's reply has another shape",
            sends=answer.usage.sends,
            input_tokens=answer.usage.input_tokens,
            output_tokens=answer.usage.output_tokens,
            cost_usd=answer.usage.cost_usd,
            doubtful=answer.usage.doubtful,
        )
    verdict = Verdict(score=answer.reply.score / SCORE_POINTS, feedback=answer.reply.feedback)
    return verdict, spent_on(Role.JUDGE, answer.usage)
