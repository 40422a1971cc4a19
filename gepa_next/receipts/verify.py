"""Checks a receipt, and the artifacts that it is about, without the service and its database."""

import json
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any

from gepa_next.gepa.near_duplicates import near_duplicates
from gepa_next.gepa.splits import SplitSizes, divide
from gepa_next.gepa.tokens import count_tokens
from gepa_next.gepa.types import Example
from gepa_next.receipts.books import Ledger
from gepa_next.receipts.check import Check
from gepa_next.receipts.claims import Claims
from gepa_next.receipts.log import EventLog
from gepa_next.receipts.seal import FORMAT, examples_hash, is_sealed

Json = dict[str, Any]  # Any: a receipt's JSON, described in docs/evidence.md
Lines = Iterable[bytes]  # with their ends, as a binary file yields them


def verify(receipt: bytes, artifacts: Mapping[str, Lines], *, kept_head: str | None = None) -> list[Check]:
    """Return what agrees with the receipt and what does not; `artifacts` are the lines of files by their names.

    With a head kept from an earlier day, also whether the event log of that day is the beginning of this one.
    """
    if not is_sealed(receipt):
        changed = "the receipt's sha256: a byte of it, be it a space, is not what it was, or it is no receipt"
        return [Check(agrees=False, said=changed)]
    checks = [Check(agrees=True, said="the receipt's bytes and its sha256")]
    try:
        checks.extend(_checks(json.loads(receipt), artifacts, kept_head))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        checks.append(Check(agrees=False, said=f"the form of what was given: {type(error).__name__}: {error}"))
    return checks


def _checks(receipt: Json, artifacts: Mapping[str, Lines], kept_head: str | None) -> Iterator[Check]:
    if (given := receipt["versions"]["receipt"]) != FORMAT:
        yield Check(agrees=False, said=f"the receipt's format: it is {given}, and only {FORMAT} is known here")
        return
    yield from _of_itself(receipt)
    readers: dict[str, EventLog | Ledger | Claims] = {
        "events.jsonl": EventLog(receipt, kept_head),
        "calls.jsonl": Ledger(receipt),
        "rollouts.jsonl": Claims(receipt),
    }
    for name, lines in artifacts.items():
        yield from _of_file(receipt, name, lines, readers.get(name))
    if kept_head is not None and "events.jsonl" not in artifacts:
        yield Check(agrees=False, said="the head that was kept: there is no event log to look for it in")


def _of_itself(receipt: Json) -> Iterator[Check]:
    examples = {each["id"]: each for each in receipt["spec"]["examples"]}
    splits = receipt["splits"]
    wrong = [
        name
        for name, each in splits.items()
        if examples_hash(examples[example_id] for example_id in each["ids"]) != each["sha256"]
    ]
    yield Check(not wrong, f"the examples of {' and '.join(wrong or splits)}, and the hashes of the splits")
    yield from _of_deal(receipt)
    if receipt["result"] is not None:
        yield _of_prompt(receipt, receipt["result"])


def _of_deal(receipt: Json) -> Iterator[Check]:
    """Say whether the examples were dealt by the seed, as many to each split as there are, those alike to one."""
    examples = [Example(id=each["id"], input=each["input"]) for each in receipt["spec"]["examples"]]
    told = {name: each["ids"] for name, each in receipt["splits"].items()}
    sizes = SplitSizes(**{name: len(ids) for name, ids in told.items()})
    alike = near_duplicates(examples)
    dealt = divide(examples, sizes, seed=receipt["spec"]["seed"], together=receipt["near_duplicates"])
    found = {name: [each.id for each in getattr(dealt, name)] for name in told}
    yield Check(found == told, f"who is in which split, by the seed: {len(examples)} examples")
    if receipt["retest"] is None:
        same = receipt["near_duplicates"] == [list(group) for group in alike]
        yield Check(same, f"{len(alike)} groups of near-duplicates, each in one split")


def _of_prompt(receipt: Json, result: Json) -> Check:
    """Say whether it is one text everywhere; a re-test that ended early has no candidate of it."""
    found, candidate_id = sha256(result["prompt"].encode()).hexdigest(), result["candidate_id"]
    same = found == receipt["artifacts"]["prompt.txt"]["sha256"]
    if candidate_id is None:
        return Check(same, "the prompt of the result and prompt.txt")
    texts = {each["id"]: (each["sha256"], each["prompt_tokens"]) for each in receipt["candidates"]}
    same = same and (found, count_tokens(result["prompt"])) == texts.get(candidate_id)
    return Check(same, f"the prompt of the result, candidate {candidate_id} and prompt.txt")


def _of_file(receipt: Json, name: str, lines: Lines, reader: EventLog | Ledger | Claims | None) -> Iterator[Check]:
    """Read the file once, for its hash and for what it says."""
    digest = sha256()
    for line in lines:
        digest.update(line)
        if reader is not None:
            reader.read(line)
    if reader is not None:
        yield from reader.checks()
    same = digest.hexdigest() == receipt["artifacts"][name]["sha256"]
    yield Check(same, f"the bytes of {name} and their sha256 in the receipt")
