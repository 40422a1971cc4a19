"""Follow a job: a bar on a terminal, its events as JSON lines elsewhere. Ctrl-C lets go of it, and it goes on."""

import argparse
import json
import sys

from gepa_next.client import Client, Event, Job
from gepa_next.commands.connecting import next_command
from gepa_next.commands.outcome import EXIT_BY_STATUS, Exit
from gepa_next.commands.scores import scores_of
from gepa_next.commands.terminal import CLEAR, SIMULATED, bar, draw, for_people, plain, score, seconds, usd


def watch(client: Client, job: Job, options: argparse.Namespace) -> Exit:
    """Show the job to its end; its status is the exit code."""
    try:
        if for_people(options):
            _draw(client, job)
            job = client.job(job.job_id)
            print(plain("\n".join(conclusion(job, options))))
        else:
            for event in client.events(job.job_id):
                print(json.dumps(event.raw, ensure_ascii=False), flush=True)
            job = client.job(job.job_id)
    except KeyboardInterrupt:
        come_back = next_command(options, "watch", job.job_id)
        print(f"\ndetached; the job goes on. To come back: {come_back}", file=sys.stderr)
        return Exit.DETACHED
    return EXIT_BY_STATUS.get(job.status, Exit.FAILED)


def _draw(client: Client, job: Job) -> None:
    print(f"job {job.job_id}{f', {SIMULATED}' if job.simulated else ''}")
    if job.is_over:
        return
    shown = _Shown(job)
    draw(f"{job.status} …")
    for event in client.events(job.job_id):
        draw(shown.line(event))
    print(CLEAR, end="")


class _Shown:
    """What the bar says, event by event."""

    def __init__(self, job: Job) -> None:
        self._iterations = job.iterations
        self._seed: float | None = None
        self._best: float | None = None
        self._cost_usd = job.usage.cost_usd
        self._done = 0

    def line(self, event: Event) -> str:
        """Return the line after this event."""
        data, stage = event.data, event.data.get("stage")
        if stage == "seed":
            self._seed = data.get("score")
        if stage in {"seed", "iteration"}:
            self._best = data.get("best_score")
        if stage == "iteration":
            self._done, self._iterations = data["iteration"], data.get("iterations", self._iterations)
        self._cost_usd = data.get("cost_usd", self._cost_usd)  # not every event tells it
        if stage == "waiting":
            return f"{bar(self._done, self._iterations)} waiting: {_waits(event)}"
        eta_s = data.get("eta_s")
        eta = "" if eta_s is None else f"  about {seconds(eta_s)} left"
        return (
            f"{bar(self._done, self._iterations)} {self._done}/{self._iterations}  best {score(self._best)}, "
            f"seed {score(self._seed)}  {usd(self._cost_usd)}{eta}  {stage or event.type}"
        )


def _waits(event: Event) -> str:
    """Say what the job waits for, where it is, and how long that may last."""
    data = event.data
    where = ", ".join(str(data[name]) for name in ("endpoint", "error") if data.get(name))
    until = data.get("until")
    limit = "" if until is None else f", fails in {seconds(until - event.ts)} if it lasts"
    return f"{data.get('reason')}{f' ({where})' if where else ''}{limit}"


def conclusion(job: Job, options: argparse.Namespace) -> list[str]:
    """Return what the job came to, for people."""
    if job.error is not None:
        go_on = next_command(options, "resume", job.job_id)
        return [f"failed: {job.error.code}: {job.error.message}", f"to go on: {go_on}"]
    if job.result is None:
        return [f"{job.status}; iteration {job.iteration} of {job.iterations}, best {score(job.best_score)}"]
    result, scores = job.result, scores_of(job)
    return [
        f"{result.verdict}: {scores} {scores.on}",
        *([result.says] if result.says else []),
        f"{job.usage.calls} calls, {usd(job.usage.cost_usd)}; ended by {job.stop_reason}",
        *(f"warning: {each.code}: {each.message}" for each in result.warnings),
        f"the prompt: {next_command(options, 'result', job.job_id, '--format', 'txt')}",
    ]
