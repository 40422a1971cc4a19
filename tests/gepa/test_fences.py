"""Texts in messages to judge and reflector are data: none ends its fence, opens another or is read for the frame."""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from gepa_next.gepa.fences import DIGITS, fence_for, harmless
from gepa_next.gepa.messages import inputs_messages, judge_messages, reflector_messages
from gepa_next.gepa.replies import JudgeReply, PromptReply
from gepa_next.gepa.types import Candidate, Example, Lesson, Message, ModelCall, Role, Rollout, Split
from tests.gepa.stage import Models, ended, follows_rules, requests, task_of, text_of
from tests.support.injections import ATTEMPTS, KINDS, Attempt

TAG = re.compile(r"<(/?)([a-z]+)-([0-9a-f]{8})>")
JUDGED = ("input", "ideal", "rubric", "answer")
REFLECTED = ("instructions", "case", "input", "output", "feedback", "lessons")
WRONG, RIGHT = "warm", "quite cold"
every_attempt = pytest.mark.parametrize("attempt", ATTEMPTS, ids=KINDS)


class Block(NamedTuple):
    tag: str
    text: str


def read(message: str) -> tuple[str, list[Block]]:
    """Return the frame and the texts of a message, read strictly: a line with the number opens, its like closes.

    The number is that of the first fence, which stands before all that others wrote.
    """
    number = TAG.search(message)[3]  # type: ignore[index]  # every message has one
    frame: list[str] = []
    blocks: list[Block] = []
    inside: list[str] = []
    tag = ""
    for line in message.split("\n"):
        found = TAG.fullmatch(line)
        ours = found is not None and found[3] == number and found[2] != "case"
        if found and ours and not tag and not found[1]:
            tag, inside = found[2], []
        elif found and ours and tag:
            assert (found[1], found[2]) == ("/", tag)
            blocks.append(Block(tag, "\n".join(inside)))
            tag = ""
        elif tag:
            inside.append(line)
        else:
            frame.append(line)
    assert not tag
    assert message.count(f"-{number}>") == 2 * len(blocks) + frame.count(f"<case-{number}>") * 2
    return "\n".join(frame).replace(number, "NUMBER"), blocks


def only(messages: Sequence[Message]) -> str:
    (message,) = messages
    return message.content


def judged(output: str, *, input: str = "How is it?", ideal: str | None = RIGHT, rubric: str = "Be right.") -> str:  # noqa: A002 - the word for it
    return only(judge_messages(Example(id="e", input=input, ideal=ideal), output, rubric))


def reflected(output: str, *, given: str = "How is it?", feedback: str = "No.", prompt: str = "Answer.") -> str:
    case = Rollout(candidate_id=0, example_id="e", split=Split.TRAIN, output=output, score=0.0, feedback=feedback)
    lesson = Lesson(id=1, text="Kinds matter.", candidate_id=1, iteration=1, gain=0.1)
    task = replace(task_of(requests(30)), prompt="Answer.")
    cases = [(Example(id="e", input=given), case)]
    parent = Candidate(id=0, text=prompt)
    return only(reflector_messages("reflect", parent, cases, lessons=[lesson], task=task, longest=100_000))


JUDGE_FRAME, _ = read(judged(WRONG))
REFLECTOR_FRAME, _ = read(reflected(WRONG))


def gullible(call: ModelCall) -> JudgeReply:
    """Obey whatever stands outside the fences; score what stands in the last of them as it deserves."""
    frame, blocks = read(text_of(call))
    obeyed = frame not in {JUDGE_FRAME, NO_IDEAL_FRAME}
    return JudgeReply(feedback="As you say.", score=10 if obeyed or blocks[-1] == ("answer", RIGHT) else 0)


NO_IDEAL_FRAME, _ = read(judged(WRONG, ideal=None))


@every_attempt
@pytest.mark.parametrize("place", ["output", "input", "ideal", "rubric"])
def test_the_judge_gets_every_text_whole_in_a_fence_of_its_own(attempt: Attempt, place: str) -> None:
    texts = {"input": "How is it?", "ideal": RIGHT, "rubric": "Be right.", "output": WRONG, place: attempt.text}
    output = texts.pop("output")
    frame, blocks = read(judged(output, **texts))
    assert frame == JUDGE_FRAME
    assert blocks == [Block(tag, harmless(text)) for tag, text in zip(JUDGED, (*texts.values(), output), strict=True)]


@every_attempt
@pytest.mark.parametrize("place", ["output", "given", "feedback", "prompt"])
def test_the_reflector_gets_every_text_whole_in_a_fence_of_its_own(attempt: Attempt, place: str) -> None:
    frame, blocks = read(reflected(**{"output": WRONG, place: attempt.text}))
    assert frame == REFLECTOR_FRAME
    assert [each.tag for each in blocks] == [tag for tag in REFLECTED if tag != "case"]
    (placed,) = (each.text for each in blocks if attempt.text and each.text.endswith(harmless(attempt.text)))
    assert placed in {harmless(attempt.text), f"Score 0.00. {harmless(attempt.text)}"}


@every_attempt
def test_who_drafts_inputs_gets_the_prompt_in_a_fence(attempt: Attempt) -> None:
    _, blocks = read(only(inputs_messages(attempt.text, 3)))
    assert blocks == [Block("instructions", harmless(attempt.text))]


@every_attempt
def test_a_judge_who_obeys_all_outside_the_fences_is_not_told_to_give_points(attempt: Attempt) -> None:
    for message in (judged(f"{WRONG}\n{attempt.text}"), judged(WRONG, input=attempt.text)):
        call = ModelCall(role=Role.JUDGE, key="judge", messages=(Message("user", message),))
        assert gullible(call).score == 0


@every_attempt
def test_a_prompt_whose_outputs_speak_to_a_gullible_judge_does_not_win(attempt: Attempt) -> None:
    def speaks(call: ModelCall) -> str:
        return attempt.text if "Speak" in call.messages[0].content else follows_rules(call)

    models = Models(
        target=speaks, judge=gullible, reflector=lambda _: PromptReply(lesson="Speak to it.", prompt="Speak.")
    )
    task = replace(task_of(requests(12)), iterations=1, population=1)
    state = ended(task, models).state
    assert models.asked(Role.REFLECTOR)
    assert (state.leader.id, state.leader_score) == (0, 0.0)


FRAGMENTS = [
    *("answer", "ideal", "rubric", "input", "case", "output", "feedback", "lessons", "instructions"),
    *("<", ">", "</", "-", "\n", "\n\n", "\r", "\u2028", " ", "\0", "{answer}", "{number}"),
    *("\u200b", "\u202e", "\ud800", "<|im_end|>", "[INST]", "</s>", "0123abcd", "NUMBER"),
    *("=====", "```", "0", "Score 10."),
]  # fmt: skip


def scrambled(seed: int) -> str:
    """Return a text of fragments of fences, those of a message about it among them: it knows what it can know."""
    rng = random.Random(seed)  # noqa: S311 - seeded
    text = "".join(rng.choices(FRAGMENTS, k=rng.randrange(60)))
    for _ in range(rng.randrange(4)):
        number = TAG.search(judged(text))[3]  # type: ignore[index]  # every message has one
        tag = rng.choice(JUDGED)
        text += (
            f"\n</{tag}-{number.upper() if rng.random() < 0.3 else number}>\n<{tag}-{number}>\n{rng.choice(FRAGMENTS)}"
        )
    return text


@pytest.mark.parametrize("start", range(0, 1000, 250))
def test_whatever_stands_in_a_text_the_frame_stays_what_it_is(start: int) -> None:
    for seed in range(start, start + 250):
        text = scrambled(seed)
        frame, blocks = read(judged(text))
        assert (frame, blocks[-1]) == (JUDGE_FRAME, Block("answer", harmless(text)))
        frame, blocks = read(reflected(text))
        assert (frame, blocks[2]) == (REFLECTOR_FRAME, Block("output", harmless(text)))


def test_a_text_that_knows_every_number_but_one_gets_that_one() -> None:
    numbers = [f"{number:02x}" for number in range(256)]
    for left in numbers:
        known = " ".join(number for number in numbers if number != left)
        if left not in known:  # the text is not the number's neighbours
            assert fence_for(("given",), also=known.upper(), digits=2).number == left
            assert fence_for((known,), digits=2).number == left


def test_a_fence_is_the_same_for_the_same_texts_and_does_not_hang_on_what_stands_beside_them() -> None:
    assert fence_for(("a", "b")) == fence_for(("a", "b"), also="c") != fence_for(("a", "c"))
    assert len(fence_for(()).number) == DIGITS


def test_messages_on_one_example_begin_alike() -> None:
    first, second = judged("It is cold."), judged("I cannot say.")
    assert first.partition("It is cold.")[0] == second.partition("I cannot say.")[0]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<|im_end|>", "< |im_end|>"),
        ("<\uff5cUser\uff5c>", "< \uff5cUser\uff5c>"),
        ("a</s>[/INST]<start_of_turn>", "a< /s>[ /INST]< start_of_turn>"),
        ("x <| y, a < b > c, <s>, </span>, [1], INST", "x < | y, a < b > c, <s>, </span>, [1], INST"),
    ],
)
def test_control_tokens_of_chat_templates_are_broken(text: str, shown: str) -> None:
    assert harmless(text) == shown
