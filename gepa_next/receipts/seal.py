"""Seals: the hashes by which a changed byte shows, in an event log and in a receipt."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

START = bytes(32)  # the head of a log without events
FORMAT = 1

_SEAL = re.compile(rb'  "sha256": "([0-9a-f]{64})"\n\}\n')
_SEAL_BYTES = len('  "sha256": ""\n}\n') + 64


def link(head: bytes, line: bytes) -> bytes:
    """Return the head of a log that goes on with one more line, given without its end: SHA-256 of both."""
    return sha256(head + line).digest()


def examples_hash(examples: Iterable[Mapping[str, object]]) -> str:
    """Return the SHA-256 of the examples' ids, inputs and ideals, a line of JSON for each."""
    digest = sha256()
    for each in examples:
        parts = [each["id"], each["input"], each["ideal"]]
        digest.update(json.dumps(parts, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()


def sealed(pieces: Iterable[str]) -> Iterator[str]:
    """Yield an indented JSON object with one member more: the SHA-256 of every byte before the line it stands on."""
    digest, held = sha256(), ""
    for piece in pieces:
        whole = held + piece
        ready, held = whole[:-2], whole[-2:]  # the end of the object waits for the seal
        digest.update(ready.encode())
        yield ready
    digest.update(b",\n")
    yield f',\n  "sha256": "{digest.hexdigest()}"{held}\n'


def is_sealed(receipt: bytes) -> bool:
    """Say whether the receipt ends with the hash of all that stands before it, in exactly the form it is given."""
    seal = _SEAL.fullmatch(receipt, max(0, len(receipt) - _SEAL_BYTES))
    return seal is not None and seal[1].decode() == sha256(receipt[:-_SEAL_BYTES]).hexdigest()
