"""Records what a live service answers to the examples of the description, as the examples of its answers.

python -m tests.support.recording
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gepa_next.api.description.samples
from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.description.parameters import JOB_ID
from tests.support.conversation import Conversation, Exchange
from tests.support.service import open_service

ANSWERS = Path(gepa_next.api.description.samples.__file__).with_name("answers.json")
PROGRAMS = ("http://127.0.0.1:9000/",)
PATH = "/v1/healthz"
LONGEST_JSON, LONGEST_TEXT = 12_000, 1_200
Recorded = dict[str, dict[str, dict[str, Any]]]


def record() -> Recorded:
    """Return the first answer of each kind, by operation, status and content type."""
    found: Recorded = {}
    with tempfile.TemporaryDirectory() as folder, closing(open_service(Path(folder), program_urls=PROGRAMS)) as service:
        conversation = Conversation(service)
        for each in conversation.exchanges():
            method, path = each.operation
            statuses = found.setdefault(f"{method} {path}", {})
            for kind, shown in _shown(conversation, each):
                statuses.setdefault(str(each.answer.status_code), {}).setdefault(kind, shown)
    return found


def _shown(conversation: Conversation, each: Exchange) -> Iterator[tuple[str, Any]]:
    kind = each.answer.mimetype
    text = _with_shown_ids(conversation, each.answer.text)
    if each.operation == ("get", "/v1/openapi.json"):
        text = _begun(text)
    if (
        each.answer.status_code in OPERATIONS[each.operation].answers
        and kind == "application/json"
        and len(text) <= LONGEST_JSON
    ):
        yield kind, json.loads(text)
    elif (text and kind.startswith("text/")) or kind == "application/x-ndjson":
        yield kind, _beginning(text, apart="\n\n" if kind == "text/event-stream" else "\n")


def _begun(text: str) -> str:
    """Return the description with one path of all, nothing if there is no text."""
    if not text:
        return ""
    found = json.loads(text)
    return json.dumps({name: found[name] for name in ("openapi", "info")} | {"paths": {PATH: found["paths"][PATH]}})


def _beginning(text: str, *, apart: str) -> str:
    """Return the first parts that are whole, one at least."""
    kept = ""
    for part in text.split(apart):
        if kept and len(kept) + len(part) > LONGEST_TEXT:
            return kept
        kept += part + apart
    return text


def _with_shown_ids(conversation: Conversation, text: str) -> str:
    text = text.replace(str(conversation.folder), "instance")
    for shown, real in {**conversation.real, JOB_ID.example: conversation.job_id}.items():
        text = text.replace(real, str(shown))
    return text


if __name__ == "__main__":
    ANSWERS.write_text(json.dumps(record(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
