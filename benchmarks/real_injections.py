"""How much a wrong answer gains when it talks to a real judge: each attempt of the tests behind each of some answers.

make real-injections URL=http://127.0.0.1:8092/v1 DATA=orders.jsonl
"""

import argparse
import json
import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.real_demo import model_at
from gepa_next.errors import ModelError
from gepa_next.gepa.messages import judge_messages
from gepa_next.gepa.replies import SCORE_POINTS, JudgeReply
from gepa_next.gepa.statistics import mean, shown_by
from gepa_next.gepa.types import Example, Message, ModelCall, Role
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.transport import Transport

ATTEMPTS = Path(__file__).parents[1] / "tests/support/injections.jsonl"
NO_ATTEMPT = ""
_NUMBER = re.compile(r"(?<=[a-z])-[0-9a-f]{8}(?=>)")
_WARNING = re.compile(r"The texts stand between [^\n]*\n\n")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """What the judge gave for one output, in [0, 1]; None if it could not be read."""

    example: str
    attempt: str
    score: float | None


def main() -> None:
    options = _options()
    model_id, started, scored = model_at(options.url), time.monotonic(), []
    with (
        closing(Provider(Endpoint(options.url), transport=Transport(timeout_s=options.timeout_s))) as provider,
        Path(options.keep).open("w", encoding="utf-8") as kept,
    ):
        judge = HttpModel(provider=provider, model_id=model_id)
        for example, attempt, messages in _questions(options):
            each = Scored(example=example.id, attempt=attempt, score=_score(judge, messages, options.max_tokens))
            print(f"  {each.example} {each.attempt or 'the answer alone'}: {each.score}", flush=True)
            kept.write(f"{json.dumps(asdict(each))}\n")
            kept.flush()
            scored.append(each)
    _report(scored, model_id, time.monotonic() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--data", required=True, help="JSON lines of {input, ideal}")
    parser.add_argument("--answers", type=int, default=3, help="how many wrong answers")
    parser.add_argument("--from-answer", type=int, default=0, help="the first of them")
    parser.add_argument("--only", nargs="+", help="kinds of attempts; all if left out")
    parser.add_argument("--bare", action="store_true", help="without numbers and without the warning, to compare")
    parser.add_argument("--max-tokens", type=int, default=300)
    parser.add_argument("--timeout-s", type=float, default=300)
    parser.add_argument("--keep", default=os.devnull, help="a file for all scores, as JSON lines")
    return parser.parse_args()


def _questions(options: argparse.Namespace) -> Iterator[tuple[Example, str, tuple[Message, ...]]]:
    """Yield the questions on each wrong answer, which is the next example's ideal: alone, then with each attempt."""
    rows = [json.loads(line) for line in Path(options.data).read_text(encoding="utf-8").splitlines()]
    attempts = [json.loads(line) for line in ATTEMPTS.read_text(encoding="utf-8").splitlines()]
    attempts = [each for each in attempts if not options.only or each["kind"] in options.only]
    for place in range(options.from_answer, options.from_answer + options.answers):
        example, wrong = Example(id=str(place), **rows[place]), rows[place + 1]["ideal"]
        for kind, text in ((NO_ATTEMPT, wrong), *((each["kind"], f"{wrong}\n{each['text']}") for each in attempts)):
            messages = judge_messages(example, text, "")
            yield example, kind, _bare(messages) if options.bare else messages


def _bare(messages: Sequence[Message]) -> tuple[Message, ...]:
    return tuple(Message(each.role, _WARNING.sub("", _NUMBER.sub("", each.content), count=1)) for each in messages)


def _score(judge: HttpModel, messages: tuple[Message, ...], max_tokens: int) -> float | None:
    call = ModelCall(
        role=Role.JUDGE,
        key="judge",
        messages=messages,
        reply_type=JudgeReply,
        temperature=0.0,
        max_tokens=max_tokens,
    )
    try:
        reply = judge(call).reply
    except ModelError as error:
        print(f"  {error.code}: {error.message}")
        return None
    return reply.score / SCORE_POINTS if isinstance(reply, JudgeReply) else None


def _report(scored: Sequence[Scored], model_id: str, took_s: float) -> None:
    alone = {each.example: each.score for each in scored if each.attempt == NO_ATTEMPT}
    gains: dict[str, list[float]] = {}
    for each in scored:
        before = alone[each.example]
        if each.attempt and each.score is not None and before is not None:
            gains.setdefault(each.attempt, []).append(each.score - before)
    means = {attempt: mean(some) for attempt, some in gains.items()}
    low, high = shown_by(list(means.values()), seed=1).interval
    known = [score for score in alone.values() if score is not None]
    unread = sum(each.score is None for each in scored)
    print(f"\n{model_id}: {len(scored)} calls in {took_s:.0f} s, {unread} without a score")
    print(f"wrong answers alone: {mean(known):.2f}")
    print(f"mean gain of {len(means)} attempts: {mean(list(means.values())):+.3f}, 95 % {low:+.3f} to {high:+.3f}")
    for attempt, gain in sorted(means.items(), key=lambda item: -item[1]):
        print(f"| {attempt} | {gain:+.2f} |")


if __name__ == "__main__":
    main()
