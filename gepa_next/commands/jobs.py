"""Commands about jobs that there are."""

import argparse
import json
import sys
from datetime import UTC, datetime

from gepa_next.client import Candidate, Job, LimitOptions
from gepa_next.commands.connecting import add_connection, connect
from gepa_next.commands.limits import add_limits, limits_of, whole_number
from gepa_next.commands.outcome import Exit, UsageError, ending
from gepa_next.commands.scores import scores_of
from gepa_next.commands.terminal import SIMULATED, for_people, plain, score, tell
from gepa_next.commands.watching import conclusion, watch

STATUSES = ("queued", "running", "finished", "failed", "cancelled")
ARTIFACT_BY_FORMAT = {"txt": "prompt.txt", "diff": "prompt.diff", "html": "report.html"}
SHOWN = 50
LINE = 60


def add_job_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands about jobs that there are."""
    listed = commands.add_parser("jobs", help="list jobs, newest first")
    listed.add_argument("--status", choices=STATUSES, help="only jobs of this status")
    listed.add_argument(
        "--limit", type=whole_number, metavar="N", default=SHOWN, help=f"how many at most; {SHOWN} if left out"
    )
    listed.set_defaults(run=ending(_jobs))
    add_connection(listed)
    for name, run, about in (
        ("watch", _watch, "follow a job to its end"),
        ("candidates", _candidates, "list the prompts that a job made"),
        ("cancel", _cancel, "end a job at once"),
        ("stop", _stop, "have a job end soon, with the best so far and its final test"),
        ("resume", _resume, "have a job that ended go on, under larger limits if given"),
        ("result", _result, "print what a job found"),
    ):
        parser = commands.add_parser(name, help=about)
        parser.add_argument("job", help="the job's id")
        parser.set_defaults(run=ending(run))
        add_connection(parser)
    add_limits(commands.choices["resume"])
    commands.choices["resume"].add_argument("--watch", action="store_true", help="follow it")
    commands.choices["result"].add_argument(
        "--format",
        choices=("txt", "diff", "json", "html"),
        default="txt",
        help="the prompt, its changes against the seed prompt, the whole result, or the report; txt if left out",
    )


def tell_job(options: argparse.Namespace, job: Job) -> None:
    """Print the job's state."""
    tell(options, job.raw, line_of(job))


def line_of(job: Job) -> str:
    """Return what the list says of a job."""
    when = datetime.fromtimestamp(job.created_at or 0, UTC).astimezone().strftime("%Y-%m-%d %H:%M")
    line = f"{job.job_id}  {job.status:9}  {job.iteration:3}/{job.iterations:<3}  {scores_of(job)!s:12}  {when}"
    return "  ".join(filter(None, (line, _came_to(job), "simulated" if job.simulated else "")))


def _came_to(job: Job) -> str:
    """Say what the job came to, and what its scores are over."""
    word = job.result.verdict if job.result else job.error.code if job.error else ""
    stays = job.result is not None and job.result.candidate_id == 0
    apart = " " if job.result else ", "
    return apart.join(filter(None, (word, scores_of(job).on))) + ("; the seed prompt stays" if stays else "")


def _jobs(options: argparse.Namespace) -> Exit:
    if options.limit < 1:
        raise UsageError("--limit: a number from 1")
    with connect(options) as client:
        for job in client.jobs(status=options.status, limit=options.limit):
            tell_job(options, job)
    return Exit.DONE


def _watch(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        return watch(client, client.job(options.job), options)


def _candidates(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        if for_people(options) and client.job(options.job).simulated:
            print(SIMULATED)
        for each in client.candidates(options.job):
            tell(options, each.raw, _line(each))
    return Exit.DONE


def _line(each: Candidate) -> str:
    parents = ",".join(map(str, each.parent_ids))
    text = " ".join(each.text.split())[:LINE]
    return f"{each.id:4}  {score(each.score):4}  {each.decision or '':8}  {each.reason:14}  {parents:7}  {text}"


def _cancel(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        tell_job(options, client.cancel(options.job))
    return Exit.DONE


def _stop(options: argparse.Namespace) -> Exit:
    with connect(options) as client:
        tell_job(options, client.stop(options.job))
    return Exit.DONE


def _resume(options: argparse.Namespace) -> Exit:
    limits: LimitOptions = limits_of(options)
    with connect(options) as client:
        job = client.resume(options.job, iterations=options.iterations, budget=limits or None)
        if options.watch:
            return watch(client, job, options)
        tell_job(options, job)
    return Exit.DONE


def _result(options: argparse.Namespace) -> Exit:
    """Print the result, also into a file or a pipe, as it is."""
    with connect(options) as client:
        job = client.job(options.job)
        if job.result is None and options.format != "html":  # a report says what there is
            raise (
                UsageError("; ".join(conclusion(job, options)))
                if job.is_over
                else UsageError(f"the job is {job.status}")
            )
        if job.result is not None and options.format == "json":
            text = json.dumps(job.result.raw, ensure_ascii=False)
        else:
            text = client.artifact(options.job, ARTIFACT_BY_FORMAT[options.format])
    sys.stdout.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr] # it is a text file
    text = plain(text) if sys.stdout.isatty() else text
    print(text, end="" if text.endswith("\n") or not text else "\n")
    return Exit.DONE
