"""What a result claims follows from the scores, or verify says which claim does not, however well it was forged."""

import json
from collections.abc import Callable
from hashlib import sha256

import pytest

from gepa_next.receipts.seal import START, link
from tests.receipts.conftest import Files, files_of
from tests.receipts.test_verify import differing, resealed, verified
from tests.support.pinning import TOPICS, message, prompt_for
from tests.support.service import Service


@pytest.fixture(scope="module", params=["contains", "edit_similarity"])
def improved(service: Service, request: pytest.FixtureRequest) -> Files:
    """A job whose champion knows more topics than the seed prompt; its scores are 0 and 1, or anything between."""
    examples = [message(topic, number) for topic in TOPICS for number in range(9)]
    job_id = service.finished_job(
        prompt=prompt_for("invoice"), examples=examples, metric=request.param, iterations=6, population=3, minibatch=3
    )
    return files_of(service, job_id)


def forged(files: Files, change: Callable[[dict], None]) -> Files:
    """Return the files with another result in the receipt and the event log, chained and sealed anew."""
    *before, last = files["events.jsonl"].splitlines()
    event = json.loads(last)
    change(event["data"])
    lines = [*before, json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()]
    log, head = b"".join(line + b"\n" for line in lines), START
    for line in lines:
        head = link(head, line)

    def in_receipt(parts: dict) -> None:
        change(parts["result"])
        parts["events"]["head"] = head.hex()
        parts["artifacts"]["events.jsonl"].update(bytes=len(log), sha256=sha256(log).hexdigest())
        parts["artifacts"]["prompt.txt"]["sha256"] = sha256(parts["result"]["prompt"].encode()).hexdigest()

    return {**files, "events.jsonl": log, "receipt.json": resealed(files["receipt.json"], in_receipt)}


def test_every_claim_of_a_test_is_reckoned_again(improved: Files) -> None:
    checks = verified(improved)
    assert [check.said for check in checks if not check.agrees] == []
    said = "; ".join(check.said for check in checks)
    for part in ("wins", "the interval", "the p-value", "the verdict, which is improved", "the prompt returned"):
        assert part in said


def test_a_forgery_that_changes_nothing_agrees(improved: Files) -> None:
    assert differing(forged(improved, lambda _: None)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda result: result["test"].update(interval=[0.5, 1.0]), "the interval of the difference"),
        (lambda result: result["test"].update(interval=None), "the interval of the difference"),
        (lambda result: result["test"].update(p_value=0.0001), "the p-value"),
        (lambda result: result["test"].update(lost=["invoice-0"]), "the lost examples"),
        (lambda result: result.update(says="The seed prompt stays."), "what it says: The champion is better"),
        (lambda result: result["test"].update(wins=12), "the held-out test"),
        (lambda result: result["test"].update(seed_score=0.0), "the held-out test"),
        (lambda result: result.update(verdict="not_shown"), "the verdict, which is improved"),
        (lambda result: result.update(score=0.99), "the prompt returned"),
        (lambda result: result.update(scored_on="validation"), "the prompt returned"),
        (lambda result: result.update(candidate_id=0), "the prompt returned, which is candidate"),
    ],
)
def test_a_claim_that_does_not_follow_is_named_though_log_and_receipt_were_made_anew(
    improved: Files, change: Callable[[dict], None], said: str
) -> None:
    found = differing(forged(improved, change))
    assert any(each.startswith(said) for each in found), found
    assert not any("the event log" in each or "the last event" in each for each in found)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parts: parts["candidates"][0].update(score=0.123), "not those of candidates [0]"),
        (lambda parts: parts.update(champion=0), "the held-out test"),
        (lambda parts: parts["candidates"][parts["champion"]].update(prompt_tokens=1), "the prompt of the result"),
        (lambda parts: parts["spec"].update(seed=2), "who is in which split"),
        (lambda parts: parts["near_duplicates"].append(["invoice-0", "crash-0"]), "groups of near-duplicates"),
        (lambda parts: parts["splits"].update(test=parts["splits"]["train"]), "who is in which split"),
    ],
)
def test_a_part_of_the_receipt_that_does_not_follow_is_named(
    improved: Files, change: Callable[[dict], None], said: str
) -> None:
    found = differing(improved, receipt=resealed(improved["receipt.json"], change))
    assert any(said in each for each in found), found


def test_a_champion_that_was_never_accepted_is_no_result(improved: Files) -> None:
    def change(parts: dict) -> None:
        parts["candidates"][parts["champion"]].update(decision="rejected")

    found = differing(improved, receipt=resealed(improved["receipt.json"], change))
    assert any(each.startswith("the prompt returned") for each in found)


def test_a_score_that_was_changed_shows_in_what_was_made_of_it(improved: Files) -> None:
    lines = improved["rollouts.jsonl"].splitlines(keepends=True)
    rollouts = [json.loads(line) for line in lines]
    at = next(n for n, each in enumerate(rollouts) if (each["split"], each["score"]) == ("test", 1.0))
    lines[at] = json.dumps({**rollouts[at], "score": 0.0}).encode() + b"\n"
    log = b"".join(lines)

    def change(parts: dict) -> None:
        parts["artifacts"]["rollouts.jsonl"].update(sha256=sha256(log).hexdigest())

    found = differing(improved, receipt=resealed(improved["receipt.json"], change), rollouts=log)
    assert any(each.startswith("the held-out test") for each in found)
    assert not any("rollouts.jsonl" in each for each in found)
