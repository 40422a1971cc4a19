"""What small models really wrote as judge and as reflector is read, or refused for the right reason."""

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any, get_args

import pytest
from llm_stage import Stage, answered, question

from gepa_next.errors import ModelError
from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Role
from gepa_next.llm.dialect import Form

WRITTEN = Path(__file__).with_name("replies_of_small_models.jsonl").read_text(encoding="utf-8").splitlines()
REPLIES = [json.loads(line) for line in WRITTEN]
TYPES: dict[str, type] = {each.__name__: each for each in (JudgeReply, PromptReply, AdditionReply, InputsReply)}


def named(reply: dict[str, Any]) -> str:
    return f"{reply['model']}-{reply['form']}-{reply['reply_type']}"


@pytest.mark.parametrize("reply", [each for each in REPLIES if "value" in each], ids=named)
def test_what_can_be_read_is_read_at_once(stage: Stage, reply: dict[str, Any]) -> None:
    model, _ = stage.model(answered(reply["text"]))
    completion = model(question(Role.REFLECTOR, reply_type=TYPES[reply["reply_type"]]))
    assert isinstance(completion.reply, TYPES[reply["reply_type"]])
    assert asdict(completion.reply) == reply["value"]
    assert completion.flags == (("reply_repaired",) if reply["repaired"] else ())


@pytest.mark.parametrize("reply", [each for each in REPLIES if "error" in each], ids=named)
def test_what_cannot_be_read_is_an_error_that_says_why(stage: Stage, reply: dict[str, Any]) -> None:
    model, play = stage.model(answered(reply["text"]))
    with pytest.raises(ModelError) as caught:
        model(question(Role.REFLECTOR, reply_type=TYPES[reply["reply_type"]]))
    assert (caught.value.code, len(play.seen)) == (reply["error"], 2)
    assert reply["reason"] in caught.value.message


def test_every_reply_type_is_there_in_each_form() -> None:
    assert {(each["form"], each["reply_type"]) for each in REPLIES} == set(product(get_args(Form), TYPES))
