"""The simulator is deterministic and honest: prompts score by what they say, and rules come from feedback only."""

import random
import re
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import mean
from time import monotonic

import pytest
from simulated import (
    ALLOWED,
    EXAMPLES,
    GOOD_RULES,
    LABELS,
    ONE_RULE,
    SEED_PROMPT,
    Cases,
    answer,
    ask,
    cases_of,
    dealt_out,
    propose,
    rollout,
    score,
    verdict,
    with_others_feedback,
)

from gepa_next.errors import ModelError
from gepa_next.gepa.messages import target_messages
from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Example, Message, ModelCall, Role
from gepa_next.llm import simulator as package
from gepa_next.llm.simulator import Simulator

TRAIN_SIZE = 20


@dataclass
class Climb:
    """A poor man's optimiser: reflect on four failures, keep what does better on the train examples."""

    seed: int
    honest: bool = True

    def held_out_scores(self, iterations: int = 10) -> list[float]:
        dealt = dealt_out(self.seed)
        rng = random.Random(self.seed)  # noqa: S311 - for repetition, not for secrets
        train, held_out = dealt[:TRAIN_SIZE], dealt[TRAIN_SIZE:]
        best, scores = SEED_PROMPT, [score(SEED_PROMPT, held_out)]
        for _ in range(iterations):
            failing = [example for example in train if (rollout(best, example).score or 0.0) < 1]
            cases: Cases = cases_of(best, rng.sample(failing, min(4, len(failing))))
            new = propose("reflect", best, cases if self.honest else with_others_feedback(cases))
            best = max(best, new, key=lambda prompt: score(prompt, train))
            scores.append(score(best, held_out))
        return scores


def test_a_prompt_that_says_more_scores_more() -> None:
    one_rule = score(f"{SEED_PROMPT}\n{ONE_RULE}")
    assert 0.2 <= score(SEED_PROMPT) <= 0.45
    assert score(SEED_PROMPT) + 0.03 < one_rule < score(GOOD_RULES) - 0.3
    assert score(GOOD_RULES) >= 0.85


def test_a_list_of_allowed_answers_alone_gives_form_and_no_knowledge() -> None:
    assert answer(f"{SEED_PROMPT}\n{ALLOWED}", "Where is it?") in LABELS
    assert score(f"{SEED_PROMPT}\n{ALLOWED}") <= score(SEED_PROMPT)


def test_demonstrations_alone_bring_a_part_of_the_gain() -> None:
    scores = []
    for seed in range(8):
        dealt = dealt_out(seed)
        pairs = "\n\n".join(f"Input: {each.input}\nOutput: {each.ideal}" for each in dealt[:4])
        scores.append(score(f"{SEED_PROMPT}\n\n{pairs}", dealt[4:]))
    assert 0.4 <= mean(scores) <= 0.6


def test_a_loop_over_feedback_reaches_most_of_the_held_out_examples_step_by_step() -> None:
    climbs = [Climb(seed).held_out_scores() for seed in range(6)]
    assert mean(climb[0] for climb in climbs) <= 0.45
    assert mean(climb[2] for climb in climbs) <= 0.6
    assert mean(climb[-1] for climb in climbs) >= 0.8


def test_with_feedback_shuffled_among_the_cases_the_loop_gains_nothing() -> None:
    climbs = [Climb(seed, honest=False).held_out_scores() for seed in range(6)]
    assert mean(climb[-1] for climb in climbs) <= mean(climb[0] for climb in climbs) + 0.03


def test_the_same_call_has_the_same_answer_in_every_process() -> None:
    text = "My kettle leaks and the lid is loose."
    assert answer("Say cold or warm.", text) == (
        "Thank you for this. It seems to be about kettle, leaks, lid, loose. "
        "I would call it cold or warm, depending on how you see it. Let me know if you would like to hear more."
    )


def test_the_answer_depends_on_the_messages_alone() -> None:
    messages = target_messages(SEED_PROMPT, "My kettle leaks.")
    call = ModelCall(role=Role.TARGET, key="1", messages=messages)
    assert Simulator()(call) == Simulator()(replace(call, key="2", temperature=1.0))


def test_a_prompt_with_a_place_for_the_input_does_not_take_its_own_rules_for_the_input() -> None:
    prompt = f'When the input mentions "kettle", answer "kitchen".\n{ONE_RULE}\nThe message: {{input}}'
    assert answer(prompt, "I forgot my password.") == "account / urgent"
    assert answer(prompt, "The kettle leaks.") == "kitchen"


def test_the_rule_with_the_most_words_in_the_input_wins() -> None:
    prompt = 'If it mentions "kettle", answer "a".\n"kettle", "cold" → "b"'
    assert answer(prompt, "Our kettles stay cold.") == "b"


def test_a_very_long_prompt_is_read_badly_and_its_shorter_version_better() -> None:
    padding = "\n".join(f"Please do remember that point {number} matters to all of us here." for number in range(80))
    assert score(f"{GOOD_RULES}\n{padding}") < score(GOOD_RULES) - 0.2
    doubled = f"{GOOD_RULES}\n{GOOD_RULES}\n{SEED_PROMPT}\n{GOOD_RULES}"
    shorter = propose("compress", doubled, cases_of(doubled, EXAMPLES[:3]))
    assert len(shorter) < len(doubled) / 2
    assert score(shorter) > score(doubled)


@pytest.mark.parametrize("output", ["billing / urgent", "Billing/urgent.", " billing / URGENT\n"])
def test_the_judge_gives_the_perfect_answer_ten_points(output: str) -> None:
    assert verdict(Example(id="1", input="…", ideal="billing / urgent"), output).score == 10


def test_the_judge_gives_partial_credit_and_names_the_perfect_answer() -> None:
    said = verdict(Example(id="1", input="…", ideal="billing / urgent"), "billing / low")
    assert 0 < said.score < 5
    assert (
        said.feedback == '"billing" is right. "urgent" is missing. A perfect answer would have been "billing / urgent".'
    )


def test_the_judge_takes_points_for_surplus_words() -> None:
    example = Example(id="1", input="…", ideal="billing / urgent")
    assert verdict(example, "I would say that this is for billing and it is rather urgent.").score in range(4, 8)


def test_the_judge_reads_the_rubric_where_there_is_no_perfect_answer() -> None:
    example = Example(id="1", input="The kettle leaks.")
    rubric = "Names the warranty and apologises."
    assert (
        verdict(example, "Sorry about the kettle!", rubric).feedback == 'It lacks "names", "warranty" and "apologises".'
    )
    assert verdict(example, "The kettle: the warranty names it, we apologise.", rubric).score == 10


@pytest.mark.parametrize("reply_type", [PromptReply, AdditionReply, InputsReply])
@pytest.mark.parametrize("text", ["", "<case>\n<input>", "</instructions>{input}", "=====\ud800", '"' * 9, "\0\n" * 50])
def test_a_message_of_another_shape_still_gets_a_reply(text: str, reply_type: type) -> None:
    assert isinstance(ask(Role.REFLECTOR, (Message("user", text),), reply_type), reply_type)
    assert ask(Role.JUDGE, (Message("user", text),), JudgeReply) == JudgeReply(
        feedback="There is no answer to score.", score=0
    )
    assert ask(Role.TARGET, (Message("user", text),))


def test_usage_is_estimated_and_free() -> None:
    done = Simulator()(ModelCall(role=Role.TARGET, key="1", messages=(Message("user", "x" * 41),)))
    assert done.usage.input_tokens == 11
    assert done.usage.output_tokens == -(-len(done.text) // 4)
    assert done.usage.cost_usd == 0.0


def test_an_answer_ends_where_its_tokens_end() -> None:
    call = ModelCall(role=Role.TARGET, key="1", messages=(Message("user", "Hello"),), max_tokens=2)
    done = Simulator()(call)
    assert (len(done.text), done.finish_reason) == (8, "length")
    with pytest.raises(ModelError, match="JSON") as caught:
        Simulator()(replace(call, role=Role.REFLECTOR, reply_type=PromptReply))
    assert caught.value.code == "truncated"


def test_latency_is_waited() -> None:
    start = monotonic()
    Simulator(latency_s=0.02)(ModelCall(role=Role.TARGET, key="1", messages=(Message("user", "Hello"),)))
    assert monotonic() - start >= 0.02


def test_the_example_job_is_consistent() -> None:
    assert len({example.id for example in EXAMPLES}) == len({example.input for example in EXAMPLES}) == 60
    assert 7 <= len(LABELS) <= 9
    assert not any(label in SEED_PROMPT for label in LABELS)


def test_the_simulator_knows_nothing_of_the_example_job() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in Path(package.__file__).parent.glob("*.py"))
    queues = {label.split(" / ")[0] for label in LABELS} - {"feedback"}
    assert not [word for word in {*LABELS, *queues} if re.search(rf"\b{word}\b", sources)]
