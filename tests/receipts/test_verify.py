"""A receipt and what it is about agree, and not a byte of them can change without a sentence that says so."""

import json
from collections.abc import Callable
from hashlib import sha256

import pytest

from gepa_next.receipts.check import Check
from gepa_next.receipts.seal import START, link, sealed
from gepa_next.receipts.verify import verify
from tests.receipts.conftest import Files, files_of
from tests.support.service import Service


def verified(files: Files, *, kept_head: str | None = None, **changes: bytes) -> list[Check]:
    """Verify the files, some of them changed, named without their endings."""
    now = {name: changes.get(name.partition(".")[0], content) for name, content in files.items()}
    receipt = now.pop("receipt.json")
    return verify(receipt, {name: content.splitlines(keepends=True) for name, content in now.items()},
                  kept_head=kept_head)  # fmt: skip


def differing(files: Files, **changes: bytes) -> list[str]:
    return [check.said for check in verified(files, **changes) if not check.agrees]


def resealed(receipt: bytes, change: Callable[[dict], None]) -> bytes:
    """Return the receipt as somebody would forge it: changed, and sealed anew."""
    parts = json.loads(receipt)
    del parts["sha256"]
    change(parts)
    return "".join(sealed(json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(parts))).encode()


def heads(log: bytes) -> list[str]:
    found = [START]
    for line in log.splitlines():
        found.append(link(found[-1], line))
    return [each.hex() for each in found]


def test_all_that_a_finished_job_leaves_behind_agrees(files) -> None:
    checks = verified(files)
    assert [check for check in checks if not check.agrees] == []
    said = "; ".join(check.said for check in checks)
    for part in ("sha256", "splits", "prompt.txt", "head of their chain", "finished", "judge's usage", "wins"):
        assert part in said


def test_a_changed_byte_of_the_receipt_is_seen_wherever_it_is(files) -> None:
    receipt = files["receipt.json"]
    for place in range(len(receipt)):
        changed = receipt[:place] + bytes([receipt[place] ^ 1]) + receipt[place + 1 :]
        (check,) = verify(changed, {})
        assert not check.agrees, place


def test_a_changed_byte_of_the_event_log_is_seen_wherever_it_is(files) -> None:
    receipt, log = files["receipt.json"], files["events.jsonl"]
    for place in range(len(log)):
        changed = log[:place] + bytes([log[place] ^ 1]) + log[place + 1 :]
        checks = verify(receipt, {"events.jsonl": changed.splitlines(keepends=True)})
        assert "the event log" in " ".join(check.said for check in checks if not check.agrees), place


@pytest.mark.parametrize("name", ["events", "calls", "rollouts", "candidates"])
def test_a_changed_byte_of_any_file_is_seen(files, name) -> None:
    content = files[f"{name}.jsonl"]
    for place in range(0, len(content), max(1, len(content) // 199)):
        assert differing(files, **{name: content[:place] + b"\x07" + content[place + 1 :]}), place


@pytest.mark.parametrize("name", ["receipt", "events", "calls", "rollouts"])
@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content + b"\n",
        lambda content: content + b" ",
        lambda content: b" " + content,
        lambda content: b"\xef\xbb\xbf" + content,
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content.replace(b" ", b"", 1),
        lambda content: content.replace(b",", b", ", 1),
        lambda content: content[:0],
    ],
)
def test_spaces_and_line_ends_count(files, name, change) -> None:
    original = files["receipt.json" if name == "receipt" else f"{name}.jsonl"]
    assert change(original) != original
    assert differing(files, **{name: change(original)})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1], "it ends after event"),
        (lambda lines: lines[:2] + lines[3:], "its line 3 is not event 3"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "its line 1 is not event 1"),
        (lambda lines: [*lines, lines[-1]], "is not event"),
        (lambda lines: [*lines[:3], lines[3].replace(b'"ts":1', b'"ts":2'), *lines[4:]], "the text of at least one"),
    ],
)
def test_it_says_what_became_of_the_event_log(files, change, said) -> None:
    lines = change(files["events.jsonl"].splitlines(keepends=True))
    assert said in " ".join(differing(files, events=b"".join(lines)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parts: parts["usage"]["judge"].update(calls=1), "the judge's usage"),
        (lambda parts: parts["usage"]["target"].update(input_tokens=1), "the target's usage"),
        (lambda parts: parts["usage"]["target"].update(cost_usd=None), "the target's usage"),
        (lambda parts: parts["usage"]["target"].update(known_cost_usd=0.5), "the target's usage"),
        (lambda parts: parts["usage"].pop("reflector"), "the reflector's usage"),
        (lambda parts: parts["result"]["test"].update(wins=99), "the held-out test"),
        (lambda parts: parts["result"]["test"].update(difference=0.9), "the held-out test"),
        (lambda parts: parts["result"].update(prompt="Mine."), "the prompt of the result"),
        (lambda parts: parts["result"].update(verdict="proven"), "the last event of the log"),
        (lambda parts: parts.update(status="failed"), "the last event of the log"),
        (lambda parts: parts.update(job_id="mine"), "is not event 1 of job mine"),
        (lambda parts: parts["spec"]["examples"][0].update(input="1 + 2"), "the hashes of the splits"),
        (lambda parts: parts["splits"]["test"]["ids"].reverse(), "the examples of test,"),
        (lambda parts: parts["candidates"][0].update(sha256="0" * 64), "the prompt of the result"),
        (lambda parts: parts["artifacts"]["calls.jsonl"].update(sha256="0" * 64), "the bytes of calls.jsonl"),
        (lambda parts: parts["versions"].update(receipt=2), "the receipt's format"),
        (lambda parts: parts.pop("splits"), "the form of what was given"),
        (lambda parts: parts.update(splits=[]), "the form of what was given"),
    ],
)
def test_a_receipt_that_was_sealed_anew_must_still_agree_with_the_rest(files, change, said) -> None:
    receipt = resealed(files["receipt.json"], change)
    assert said in " ".join(differing(files, receipt=receipt))


def test_the_hash_is_that_of_all_but_the_last_two_lines(files) -> None:
    *before, seal, end = files["receipt.json"].splitlines(keepends=True)
    assert json.loads(b"{" + seal + end) == {"sha256": sha256(b"".join(before)).hexdigest()}


def test_a_receipt_sealed_anew_without_a_change_is_the_same(files) -> None:
    assert resealed(files["receipt.json"], lambda _: None) == files["receipt.json"]


def test_the_head_of_any_earlier_day_shows_that_the_log_has_only_grown(files) -> None:
    for place, head in list(enumerate(heads(files["events.jsonl"])))[1:]:
        last = [check for check in verified(files, kept_head=head) if "was kept" in check.said]
        assert last == [Check(agrees=True, said=f"the head that was kept: the chain had it after event {place}")]


def test_a_head_of_another_log_is_found_at_no_place(files) -> None:
    (said,) = [check.said for check in verified(files, kept_head="0" * 64) if not check.agrees]
    assert said == "the head that was kept: the chain had it at no place"


def test_a_log_that_went_on_is_told_from_one_that_was_changed(service: Service) -> None:
    job_id = service.finished_job()
    before = files_of(service, job_id)
    service.client().post(f"/v1/optimize/{job_id}/resume", json={"iterations": 2})
    service.run(job_id)
    after = files_of(service, job_id)
    more = len(after["events.jsonl"].splitlines()) - len(before["events.jsonl"].splitlines())
    said = f"{more} follow that came after the receipt"
    assert said in " ".join(differing(before, events=after["events.jsonl"]))
    assert differing(after) == []
    assert all(check.agrees for check in verified(after, kept_head=heads(before["events.jsonl"])[-1]))


@pytest.mark.parametrize("status", ["queued", "running", "cancelled"])
def test_the_receipt_of_a_job_without_a_result_agrees_with_its_log(service: Service, status) -> None:
    job_id = service.create()
    if status == "running":
        service.begin(job_id)
        service.tell(job_id, 3)
    if status == "cancelled":
        service.client().delete(f"/v1/optimize/{job_id}")
    assert differing(files_of(service, job_id)) == []
    service.client().delete(f"/v1/optimize/{job_id}")
