"""The command that makes a job."""

import argparse
import sys
from collections.abc import Mapping
from typing import Any, Unpack

from gepa_next.client import Client, OptimizeOptions, Quote
from gepa_next.client.answers import SmallestGain
from gepa_next.commands.connecting import add_connection, connect
from gepa_next.commands.files import STDIN, add_reading, parse_json, read_examples, read_text
from gepa_next.commands.jobs import tell_job
from gepa_next.commands.limits import add_limits, limits_of, whole_number
from gepa_next.commands.outcome import Exit, UsageError, ending
from gepa_next.commands.terminal import score, tell, usd
from gepa_next.commands.watching import watch

Body = dict[str, Any]  # Any: JSON
NO_FIELDS = frozenset({"idempotency_key", "self"})  # arguments of the client


def add_optimize(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `optimize`."""
    parser = commands.add_parser("optimize", help="improve a prompt on examples")
    parser.add_argument("prompt_file", nargs="?", help="a file with the prompt, - for stdin")
    parser.add_argument(
        "--job", metavar="FILE", help="a job as `examples import --job` writes it; other options come first"
    )
    parser.add_argument("--examples", metavar="FILE", help="the examples: JSON lines, JSON or CSV, - for stdin")
    add_reading(parser)
    parser.add_argument("--target", metavar="MODEL", help="the model that runs the prompt")
    parser.add_argument("--rubric", metavar="TEXT", help="what the judge should look for")
    parser.add_argument("--rubric-file", metavar="FILE", help="the same from a file, - for stdin")
    parser.add_argument("--metric", metavar="NAME", help="what scores in place of the judge: a name, or JSON")
    parser.add_argument("--population", type=whole_number, metavar="N", help="proposals per iteration")
    parser.add_argument("--seed", type=whole_number, metavar="N", help="the same seed and answers make the same job")
    parser.add_argument(
        "--set", action="append", default=[], metavar="FIELD=JSON", help="any other field of the request"
    )
    parser.add_argument("--idempotency-key", metavar="KEY", help="sent again, it makes no second job")
    parser.add_argument("--quote", action="store_true", help="say what it would take, and make no job")
    parser.add_argument("--watch", action="store_true", help="follow the job to its end")
    parser.set_defaults(run=ending(_optimize))
    add_limits(parser)
    add_connection(parser)


def _optimize(options: argparse.Namespace) -> Exit:
    body = _body(options)
    with connect(options) as client:
        if options.quote:
            return _quote(client, options, **body)
        job = client.optimize(idempotency_key=options.idempotency_key, **body)
        if options.watch:
            print(f"gepa-next: job {job.job_id}", file=sys.stderr)
            return watch(client, job, options)
        tell_job(options, job)
    return Exit.DONE


def _body(options: argparse.Namespace) -> Body:
    if [options.prompt_file, options.job, options.examples, options.rubric_file].count(STDIN) > 1:
        raise UsageError("only one file can be stdin")
    if not options.prompt_file and not options.job:
        raise UsageError("a file with the prompt is expected, or --job")
    stated = _stated(options.job) if options.job else {}
    limits = limits_of(options)
    given = {
        "prompt": read_text(options.prompt_file).rstrip("\r\n") if options.prompt_file else None,
        "examples": read_examples(options.examples, options) if options.examples else None,
        "target_model_id": options.target,
        "rubric": read_text(options.rubric_file) if options.rubric_file else options.rubric,
        "metric": _metric(options.metric),
        "iterations": options.iterations,
        "population": options.population,
        "seed": options.seed,
        "budget": {**(stated.get("budget") or {}), **limits} if limits else None,
        **dict(map(_field, options.set)),
    }
    return {**stated, **{name: value for name, value in given.items() if value is not None}}


def _stated(path: str) -> Body:
    found = _json(path, read_text(path))
    if not isinstance(found, dict) or NO_FIELDS & found.keys():
        raise UsageError(f"{path}: not a job, as POST /v1/optimize takes it")
    return found


def _metric(text: str | None) -> object:
    return _json("--metric", text) if text and text[:1] in "{[" else text


def _field(text: str) -> tuple[str, object]:
    name, equals, value = text.partition("=")
    if not (name and equals):
        raise UsageError(f"--set {text}: FIELD=JSON is expected")
    if name in NO_FIELDS:
        raise UsageError(f"--set {name}: there is no such field")
    return name, _json(f"--set {name}", value)


def _json(option: str, text: str) -> object:
    try:
        return parse_json(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from None


def _quote(client: Client, options: argparse.Namespace, **body: Unpack[OptimizeOptions]) -> Exit:
    quote = client.quote(**body)
    tell(options, quote.raw, "\n".join(quote_lines(quote, body)))
    return Exit.DONE


def quote_lines(quote: Quote, body: Mapping[str, object]) -> list[str]:
    """Return what the quote for a request says to people."""
    drafted = not body.get("examples") and body.get("bank") is None  # {} is the whole bank
    return [
        *(
            f"{name:8}  {each.calls} calls, {each.input_tokens} tokens in and {each.output_tokens} out,"
            f" {usd(each.cost_usd)}"
            for name, each in (("expected", quote.expected), ("at most", quote.most))
        ),
        f"examples  {_split(quote.split, drafted=drafted)}",
        *(f"to show   {_to_show(each)}" for each in (quote.smallest_gain,) if each is not None),
        *(f"warning: {each.path}: {each.message}" for each in quote.warnings),
    ]


def _split(split: dict[str, int], *, drafted: bool) -> str:
    served = f"{split['train']} to reflect on, {split['val']} to select by, {split['test']} held out"
    return f"up to {sum(split.values())} drafted by the reflector: {served}" if drafted else served


def _to_show(gain: SmallestGain) -> str:
    if gain.reason is not None:
        return f"no gain: {gain.reason}"
    return f"a gain of {score(gain.zero_or_one)} or more if scores are 0 or 1, of {score(gain.graded)} otherwise"
