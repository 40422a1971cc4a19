"""Answer a request to an OpenAI-compatible endpoint as the simulator would."""

import json
from dataclasses import asdict

from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Message, ModelCall, Role
from gepa_next.llm.probe import PROBE
from gepa_next.llm.simulator import Simulator
from gepa_next.llm.structured import reply_schema

USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "cost": 0.001}

REPLIES = {frozenset(reply_schema(each)["properties"]): each for each in (AdditionReply, InputsReply, PromptReply)}


def answer_of(body):
    """Return the act that answers the request; the last part of the model's id is its role."""
    if body["messages"] == [asdict(each) for each in PROBE]:
        return said("Yes.")
    role = Role(body["model"].rpartition("/")[2])
    messages = tuple(Message(each["role"], each["content"]) for each in body["messages"])
    call = ModelCall(role=role, key="", messages=messages, reply_type=reply_type(role, body))
    return said(Simulator()(call).text)


def said(text):
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"body": json.dumps({"choices": [choice], "usage": USAGE})}


def reply_type(role, body):
    if role is Role.TARGET:
        return None
    if role is Role.JUDGE:
        return JudgeReply
    return REPLIES[frozenset(body["response_format"]["json_schema"]["schema"]["properties"])]
