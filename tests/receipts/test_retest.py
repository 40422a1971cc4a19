"""The receipt of a re-test says what was tested, and agrees with the rollouts that it was lost by."""

import pytest

from tests.receipts.conftest import Files, files_of
from tests.receipts.test_verify import differing, resealed, verified
from tests.support.pinning import DESK, TOPICS, bank, message, pin, prompt_for
from tests.support.service import Service


@pytest.fixture(scope="module")
def desk(service: Service) -> Service:
    """A service whose `desk` knows another topic than in the version before, with all topics in the bank."""
    pin(service, prompt_for("invoice", "outage"))
    pin(service, prompt_for("invoice", "crash"))
    bank(service.client(), *(message(topic, number) for topic in TOPICS for number in range(3)))
    return service


def begun(desk: Service) -> str:
    """Return the id of a re-test that is queued, on all that is in the bank."""
    answer = desk.client().post(f"{DESK}/retest", json={"examples": {}, "tolerance": 0.5})
    assert answer.status_code == 201, answer.text
    return answer.json["job_id"]


@pytest.fixture(scope="module")
def retested(desk: Service) -> Files:
    job_id = begun(desk)
    desk.run(job_id)
    return files_of(desk, job_id)


def test_all_that_a_re_test_leaves_behind_agrees(retested: Files) -> None:
    said = "; ".join(check.said for check in verified(retested))
    assert differing(retested) == []
    assert (
        "the re-test, and 3 wins and 3 losses of candidate 1 on 12 examples with a mean difference of +0.0000" in said
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda parts: parts["result"]["retest"].update(losses=2),
        lambda parts: parts["result"]["retest"].update(wins=2),
        lambda parts: parts["result"]["retest"].update(n=11),
        lambda parts: parts["result"]["retest"].update(difference=0.5),
        lambda parts: parts["result"]["retest"].update(lost=["outage-0", "outage-1", "crash-2"]),
        lambda parts: parts["retest"].update(tolerance=1.0),
    ],
)
def test_a_comparison_that_was_sealed_anew_must_still_agree_with_the_rollouts(retested: Files, change) -> None:
    receipt = resealed(retested["receipt.json"], change)
    said = " ".join(differing(retested, receipt=receipt))
    assert "the re-test, and" in said or "the lost examples" in said


def test_the_receipt_of_a_re_test_that_was_stopped_before_the_pinned_prompt_was_run_agrees(desk: Service) -> None:
    job_id = begun(desk)
    desk.client().post(f"/v1/optimize/{job_id}/stop")
    desk.run(job_id)
    files = files_of(desk, job_id)
    assert differing(files) == []
    assert "the prompt of the result and prompt.txt" in [check.said for check in verified(files)]
    forged = resealed(files["receipt.json"], lambda parts: parts["result"].update(prompt="Mine."))
    assert "the prompt of the result and prompt.txt" in differing(files, receipt=forged)
