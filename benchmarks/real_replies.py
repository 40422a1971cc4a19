"""What a real model writes as judge and as reflector, and how much of it can be read: each form of structured output.

make real-replies URL=http://127.0.0.1:8092/v1 DATA=orders.jsonl
"""

import argparse
import json
import os
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import get_args

from benchmarks.real_demo import model_at
from gepa_next.errors import ModelError
from gepa_next.gepa.messages import inputs_messages, judge_messages, reflector_messages, target_messages
from gepa_next.gepa.replies import AdditionReply, InputsReply, JudgeReply, PromptReply
from gepa_next.gepa.types import Budget, Candidate, Example, Lesson, ModelCall, Role, Rollout, Split, Task
from gepa_next.llm.dialect import Dialect, Form
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.http import HttpModel
from gepa_next.llm.provider import Provider
from gepa_next.llm.transport import Answer, Transport
from gepa_next.llm.wire import read_choice
from gepa_next.metrics import METRICS

FORMS: tuple[Form, ...] = get_args(Form)
SEED = Candidate(id=0, text="Extract the order.")
LONGER = Candidate(
    id=1,
    text="Extract the order.\n"
    "Answer with the item and the quantity.\n"
    "The item is a singular noun in lower case.\n"
    "The quantity is a number, also where the order says it in a word.\n"
    "Do not explain.",
)
LESSON = Lesson(id=1, text="The answers were sentences; JSON was wanted.", candidate_id=1, iteration=1, gain=0.1)
REWRITES = (("reflect", SEED), ("compress", LONGER))
CASES = 3
INPUTS = 6
ANSWER_TOKENS = 48
TASK = Task(prompt=SEED.text, train=(), validation=(), test=(), budget=Budget(max_rollouts=1), seed=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One call in one form: all that the model wrote, and what our client made of it."""

    model: str
    form: Form
    reply_type: str
    texts: tuple[str, ...]
    flags: tuple[str, ...]
    error: str
    output_tokens: int

    @property
    def outcome(self) -> str:
        """How the call came out, in the words of the table."""
        if self.error:
            return self.error
        return next((flag for flag in ("asked_again", "reply_repaired") if flag in self.flags), "at once")


class Recorder(Transport):
    """The client's own transport, which also keeps what each answer says."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(timeout_s=timeout_s, stall_s=timeout_s)
        self.texts: list[str] = []

    def post(self, url: str, body: bytes, headers: Mapping[str, str], *, fresh: bool = False) -> Answer:
        answer = super().post(url, body, headers, fresh=fresh)
        self.texts.append(read_choice(answer).text)
        return answer


def main() -> None:
    options = _options()
    model_id = model_at(options.url)
    started, asked = time.monotonic(), []
    with ThreadPoolExecutor(options.concurrency) as pool, Path(options.keep).open("w", encoding="utf-8") as kept:
        cases = list(pool.map(lambda example: _answered(options, model_id, example), _examples(options)))
        calls = _judge_calls(cases, options) + _reflector_calls(cases, options)
        for some in pool.map(lambda call: _in_each_form(options, model_id, call), calls):
            asked += some
            kept.writelines(f"{json.dumps(asdict(each), ensure_ascii=False)}\n" for each in some)
            kept.flush()
    _report(asked, model_id, time.monotonic() - started)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--data", required=True, help="JSON lines of {input, ideal}")
    parser.add_argument("--judgements", type=int, default=12)
    parser.add_argument("--reflections", type=int, default=6, help="of each reply type")
    parser.add_argument("--max-tokens", type=int, default=300)
    parser.add_argument("--timeout-s", type=float, default=300)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--forms", nargs="+", choices=FORMS, default=FORMS)
    parser.add_argument("--keep", default=os.devnull, help="a file for all that was written, as JSON lines")
    return parser.parse_args()


def _examples(options: argparse.Namespace) -> list[Example]:
    """Return as many examples as there are judgements to make."""
    lines = Path(options.data).read_text(encoding="utf-8").splitlines()[: options.judgements]
    return [Example(id=str(number), **json.loads(line)) for number, line in enumerate(lines)]


def _answered(options: argparse.Namespace, model_id: str, example: Example) -> tuple[Example, Rollout]:
    """Return the example with what the model itself does with it as a target, and the metric's feedback."""
    messages = target_messages(SEED.text, example.input)
    call = ModelCall(role=Role.TARGET, key=example.id, messages=messages, temperature=0, max_tokens=ANSWER_TOKENS)
    with closing(Provider(Endpoint(options.url), transport=Recorder(options.timeout_s))) as provider:
        output = HttpModel(provider=provider, model_id=model_id)(call).text
    verdict = METRICS["exact_match"]()(example, output)
    rollout = Rollout(candidate_id=0, example_id=example.id, split=Split.TRAIN, output=output)
    return example, replace(rollout, score=verdict.score, feedback=verdict.feedback)


def _judge_calls(cases: Sequence[tuple[Example, Rollout]], options: argparse.Namespace) -> list[ModelCall]:
    """Return the judge's questions, every other one without the ideal answer."""
    examples = [example if place % 2 else replace(example, ideal=None) for place, (example, _) in enumerate(cases)]
    outputs = [rollout.output for _, rollout in cases]
    messages = [judge_messages(example, output, "") for example, output in zip(examples, outputs, strict=True)]
    return [
        ModelCall(
            role=Role.JUDGE,
            key=f"judge/{place}",
            messages=each,
            reply_type=JudgeReply,
            temperature=0.0,
            max_tokens=options.max_tokens,
        )
        for place, each in enumerate(messages)
    ]


def _reflector_calls(cases: Sequence[tuple[Example, Rollout]], options: argparse.Namespace) -> list[ModelCall]:
    """Return the reflector's questions, rewrites by all operators in turn, additions and inputs, as many of each."""
    calls = []
    for place in range(options.reflections):
        shown = [cases[(place * CASES + more) % len(cases)] for more in range(CASES)]
        operator, parent = REWRITES[place % len(REWRITES)]
        rewrite = reflector_messages(operator, parent, shown, lessons=[LESSON], task=TASK)
        addition = reflector_messages("constrain", SEED, shown, lessons=[], task=TASK)
        inputs = inputs_messages((SEED, LONGER)[place % 2].text, INPUTS)
        for messages, reply_type in ((rewrite, PromptReply), (addition, AdditionReply), (inputs, InputsReply)):
            key = f"{reply_type.__name__}/{place}"
            call = ModelCall(role=Role.REFLECTOR, key=key, messages=messages, reply_type=reply_type)
            calls.append(replace(call, max_tokens=options.max_tokens))
    return calls


def _in_each_form(options: argparse.Namespace, model_id: str, call: ModelCall) -> list[Asked]:
    return [_ask(options, model_id, call, form) for form in options.forms]


def _ask(options: argparse.Namespace, model_id: str, call: ModelCall, form: Form) -> Asked:
    """Make the call as if the model were known to take structured output in this form and no stricter one."""
    recorder = Recorder(options.timeout_s)
    flags: tuple[str, ...] = ()
    error, tokens = "", 0
    with closing(Provider(Endpoint(options.url), transport=recorder)) as provider:
        provider.dialects.learn(model_id, Dialect(form=form))
        try:
            answer = HttpModel(provider=provider, model_id=model_id)(call)
            flags, tokens = answer.flags, answer.usage.output_tokens
        except ModelError as failure:
            error, tokens = failure.code, failure.output_tokens
    print(f"  {call.key} {form}: {error or ' '.join(flags) or 'at once'}", flush=True)
    return Asked(
        model=model_id,
        form=form,
        reply_type=call.reply_type.__name__ if call.reply_type else "",
        texts=tuple(recorder.texts),
        flags=flags,
        error=error,
        output_tokens=tokens,
    )


def _report(asked: Sequence[Asked], model_id: str, took_s: float) -> None:
    print(f"\n{model_id}: {len(asked)} calls in {took_s:.0f} s\n")
    print(
        "| form | reply | calls | at once | repaired | asked again | not at all | tokens a call |\n"
        "|---|---|---|---|---|---|---|---|"
    )

    def place(each: Asked) -> tuple[int, str]:
        return FORMS.index(each.form), each.reply_type

    for (form, reply_type), group in groupby(sorted(asked, key=place), key=place):
        some = list(group)
        count = Counter(each.outcome for each in some)
        good = [count.pop(outcome, 0) for outcome in ("at once", "reply_repaired", "asked_again")]
        lost = ", ".join(f"{times} {code}" for code, times in count.items()) or "0"
        tokens = sum(each.output_tokens for each in some) / len(some)
        print(f"| {FORMS[form]} | {reply_type} | {len(some)} | {' | '.join(map(str, good))} | {lost} | {tokens:.0f} |")


if __name__ == "__main__":
    main()
