"""What failed is tried again, not for ever, and an example that fails every time is no outage."""

from collections import Counter
from dataclasses import replace

from gepa_next.gepa.deciding import FIRST
from gepa_next.gepa.failures import MOST_TRIES, Failures
from gepa_next.gepa.outages import IN_A_ROW, LATEST, find_outage
from gepa_next.gepa.replies import AdditionReply, PromptReply
from gepa_next.gepa.steps import Delta
from gepa_next.gepa.types import ModelCall, Rollout, Split
from tests.gepa.stage import Models, down, ended, folded, follows_rules, requests, task_of


def rollout(example_id: str, score: float | None) -> Rollout:
    return Rollout(candidate_id=0, example_id=example_id, split=Split.TRAIN, score=score)


def test_a_failure_may_be_tried_again_in_later_iterations_and_not_for_ever() -> None:
    failures = Failures()
    for _ in range(MOST_TRIES):
        assert failures.may_be_tried_again(0, "e1")
        failures.add(rollout("e1", None))
        assert not failures.may_be_tried_again(0, "e1")
        failures.end_iteration()
    assert not failures.may_be_tried_again(0, "e1")
    assert failures.may_be_tried_again(1, "e1")


def test_a_repeated_failure_shows_something_until_another_rollout_succeeds() -> None:
    failures = Failures()
    failures.add(rollout("e1", None))
    assert not failures.has_shown(rollout("e1", None))
    failures.add(rollout("e2", 1.0))
    assert failures.has_shown(rollout("e1", None))
    assert not failures.has_shown(rollout("e1", 0.5))
    assert not failures.has_shown(rollout("e3", None))


def unteachable(call: ModelCall) -> PromptReply | AdditionReply:
    if call.reply_type is AdditionReply:
        return AdditionReply(lesson="", addition="Be brief.")
    return PromptReply(lesson="", prompt="Be brief.")


def test_examples_that_fail_every_time_end_no_run() -> None:
    """A third has no answer and the seed prompt stays the leader, so that hardly anything but its failures is run."""
    task = task_of(requests(300), iterations=20)
    mute = {each.id for split in (task.train, task.validation) for each in split[::3]}
    models = Models(
        target=lambda call: down(call) if call.key.split("/")[2] in mute else follows_rules(call),
        reflector=unteachable,
    )
    whole = ended(replace(task, test=()), models)
    tries = Counter(call.key.split("/")[2] for call in models.calls if call.key.startswith("target/0/"))
    assert {tries[each.id] for each in task.validation[:FIRST]} == {1, MOST_TRIES}
    assert max(tries.values()) == MOST_TRIES
    assert whole.result["stop_reason"] == "stalled"


def test_a_batch_that_fails_again_is_an_outage_only_if_nothing_succeeded_since() -> None:
    failed = tuple(rollout(f"e{n}", None) for n in range(IN_A_ROW))
    state = folded(task_of(requests(30)), [Delta(rollouts=failed)])
    assert find_outage(state, failed) is not None
    state.apply(Delta(rollouts=tuple(rollout(f"s{n}", 1.0) for n in range(LATEST))))
    assert find_outage(state, failed) is None
    assert find_outage(state, tuple(rollout(f"n{n}", None) for n in range(IN_A_ROW))) is not None


def test_what_failed_for_the_same_text_under_an_earlier_id_may_be_tried_again_and_shows_nothing_new() -> None:
    failures = Failures()
    failures.take_over(rollout("e1", None))
    failures.take_over(rollout("e2", 0.5))
    assert failures.may_be_tried_again(0, "e1")
    assert failures.has_shown(rollout("e1", None))
    assert not failures.has_shown(rollout("e2", None))
