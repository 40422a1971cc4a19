"""A program as the target: what it is sent, and what its answer says."""

import json
from dataclasses import dataclass, replace

from gepa_next.errors import ModelError
from gepa_next.gepa.messages import target_messages, without_middle
from gepa_next.gepa.replies import ProgramReply
from gepa_next.gepa.types import Candidate, Completion, Example, Message, ModelCall, Role, Task, Verdict

LONGEST_REMARK = 2_500  # characters of a feedback, and of a trace: with what a metric says they are one text of a case


@dataclass(frozen=True, slots=True)
class TargetAnswer:
    """What the target said: its output, and of a program its score, if that counts, and its remarks."""

    output: str
    score: float = 0.0
    remarks: str = ""

    def remarked(self, verdict: Verdict) -> Verdict:
        """Return the verdict with what the program says of itself, for the reflector to read."""
        feedback = "\n".join(text for text in (verdict.feedback, self.remarks) if text)
        return replace(verdict, feedback=feedback)


def target_call(task: Task, candidate: Candidate, example: Example, *, key: str) -> ModelCall:
    """Return the question to the target; a program gets its components and the example's id as a JSON object."""
    if not candidate.prompts:
        messages = target_messages(candidate.text, example.input)
        return ModelCall(
            role=Role.TARGET, key=key, messages=messages, temperature=task.temperature, max_tokens=task.max_tokens
        )
    given = json.dumps({"prompts": dict(candidate.prompts), "example_id": example.id}, ensure_ascii=False)
    messages = (Message("system", given), Message("user", example.input))
    return ModelCall(role=Role.TARGET, key=key, messages=messages, reply_type=ProgramReply)


def read_answer(answer: Completion, *, scores: bool) -> TargetAnswer:
    """Return what the target said; ModelError `bad_score` if a program `scores` and its score is none from 0 to 1."""
    if not isinstance(answer.reply, ProgramReply):
        return TargetAnswer(answer.text)
    reply = answer.reply
    score = _checked_score(reply.score, answer) if scores else 0.0
    return TargetAnswer(reply.output, score, _remarks(reply))


def _checked_score(score: object, answer: Completion) -> float:
    if isinstance(score, int | float) and not isinstance(score, bool) and 0 <= score <= 1:
        return float(score)
    said = "no score" if score is None else f"the score {json.dumps(score)[:40]}"
    used = answer.usage
    raise ModelError(
        "bad_score",
        f"the program answers with {said}; it must be a number from 0 to 1",
        sends=used.sends,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=used.cost_usd,
    )


def _remarks(reply: ProgramReply) -> str:
    said = (("The program says", reply.feedback), ("Its trace", reply.trace))
    return "\n".join(f"{name}: {without_middle(text, LONGEST_REMARK)}" for name, text in said if text.strip())
