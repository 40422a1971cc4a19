"""Asks the simulator what the tests want to know: answers, verdicts, proposals and scores on the example job."""

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from importlib.resources import files
from statistics import mean

from gepa_next.gepa.messages import judge_messages, reflector_messages, target_messages
from gepa_next.gepa.replies import JudgeReply, PromptReply
from gepa_next.gepa.types import Budget, Candidate, Example, Message, ModelCall, Role, Rollout, Split, Task
from gepa_next.llm.simulator import Simulator

JOB = json.loads(files("gepa_next.demo").joinpath("job.json").read_text(encoding="utf-8"))
SEED_PROMPT: str = JOB["prompt"]
EXAMPLES = tuple(Example(id=each["id"], input=each["input"], ideal=each["ideal"]) for each in JOB["examples"])
LABELS = sorted({example.ideal or "" for example in EXAMPLES})

ONE_RULE = 'When the input mentions "password" or "login", answer "account / urgent".'
ALLOWED = "Answer with exactly one of " + ", ".join(f'"{label}"' for label in LABELS) + " and nothing besides."
GOOD_RULES = f"""{SEED_PROMPT}

{ALLOWED}
When the input mentions "password", "login", "hacked" or "locked", answer "account / urgent".
When the input mentions "invoice", "receipt", "vat" or "accountant", answer "billing / normal".
When the input mentions "refund", "charged", "payment" or "card", answer "billing / urgent".
When the input mentions "suggestion", "idea", "feature" or "shortcut", answer "feedback / low".
When the input mentions "quote", "seats", "trial" or "discount", answer "sales / low".
When the input mentions "parcel", "courier", "tracking" or "delivery", answer "shipping / normal".
When the input mentions "bug", "chart", "export" or "browser", answer "technical / normal".
When the input mentions "server", "outage", "offline" or "error", answer "technical / urgent"."""


def ask(role: Role, messages: tuple[Message, ...], reply_type: type | None = None) -> object:
    done = Simulator()(ModelCall(role=role, key="test", messages=messages, reply_type=reply_type))
    return done.text if reply_type is None else done.reply


def answer(prompt: str, text: str) -> str:
    return str(ask(Role.TARGET, target_messages(prompt, text)))


def verdict(example: Example, output: str, rubric: str = "") -> JudgeReply:
    reply = ask(Role.JUDGE, judge_messages(example, output, rubric), JudgeReply)
    assert isinstance(reply, JudgeReply)
    return reply


def rollout(prompt: str, example: Example) -> Rollout:
    return _rollout(prompt, example.id, example.input, example.ideal)


@cache
def _rollout(prompt: str, example_id: str, text: str, ideal: str | None) -> Rollout:
    output = answer(prompt, text)
    said = verdict(Example(id=example_id, input=text, ideal=ideal), output)
    return Rollout(
        candidate_id=0,
        example_id=example_id,
        split=Split.TRAIN,
        output=output,
        score=said.score / 10,
        feedback=said.feedback,
    )


def score(prompt: str, examples: Sequence[Example] = EXAMPLES) -> float:
    return mean(rollout(prompt, example).score or 0.0 for example in examples)


Cases = Sequence[tuple[Example, Rollout]]


def task(**limits: object) -> Task:
    nothing = Task(prompt="", train=(), validation=(), test=(), budget=Budget(max_rollouts=1), seed=1)
    return replace(nothing, **limits)


def propose(template: str, prompt: str, cases: Cases, *, wanted: Task | None = None) -> str:
    messages = reflector_messages(template, Candidate(id=0, text=prompt), cases, lessons=(), task=wanted or task())
    reply = ask(Role.REFLECTOR, messages, PromptReply)
    assert isinstance(reply, PromptReply)
    assert reply.lesson
    return reply.prompt


def cases_of(prompt: str, examples: Sequence[Example] = EXAMPLES) -> list[tuple[Example, Rollout]]:
    return [(example, rollout(prompt, example)) for example in examples]


def with_others_feedback(cases: Cases) -> Cases:
    feedback = [done.feedback for _, done in cases]
    turned = feedback[1:] + feedback[:1]
    return [(example, replace(done, feedback=other)) for (example, done), other in zip(cases, turned, strict=True)]


def dealt_out(seed: int) -> list[Example]:
    return sorted(EXAMPLES, key=lambda example: sha256(f"{seed}/{example.id}".encode()).digest())
