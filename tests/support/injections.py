"""Texts that speak to whoever scores or reads them: as outputs they must gain nothing, as inputs change nothing."""

import json
from pathlib import Path
from typing import NamedTuple


class Attempt(NamedTuple):
    kind: str
    text: str


ATTEMPTS = [
    Attempt(**json.loads(line))
    for line in Path(__file__).with_name("injections.jsonl").read_text(encoding="utf-8").splitlines()
]
KINDS = [each.kind for each in ATTEMPTS]
