"""The facts of a report: how a job was made, by whom it was scored, and what that took."""

import json
from collections.abc import Iterator
from dataclasses import asdict

from gepa_next.api.words import count, score, signed_split, usd
from gepa_next.gepa.types import JudgeNoise, Role
from gepa_next.metrics import asks_judge
from gepa_next.models import Job

Fact = tuple[str, str]


def facts_of(job: Job) -> list[Fact]:
    """Return name and value of everything that the scores depend on."""
    return [*_who(job), *_examples(job), *_search(job)]


def simulated_roles(job: Job) -> list[str]:
    """Return which roles the built-in simulator played; a program is one's own."""
    own = set() if job.spec.program_url is None else {Role.TARGET}
    if not asks_judge(job.spec.metric):
        own.add(Role.JUDGE)
    return [str(each) for each in Role if job.simulated and each not in own]


def _who(job: Job) -> Iterator[Fact]:
    spec = job.spec
    yield "Target", spec.program_url or spec.target_model_id
    if spec.temperature is not None:
        yield "Temperature", str(spec.temperature)
    if spec.max_tokens is not None:
        yield "Longest answer", f"{count(spec.max_tokens)} tokens"
    yield "Scored by", spec.metric if isinstance(spec.metric, str) else json.dumps(spec.metric, ensure_ascii=False)
    if asks_judge(spec.metric):
        yield "Judge", job.judge.model_id
        yield "Judge's fingerprint", job.judge.fingerprint
        yield "Judge's noise", _noise(job.judge.noise)
        yield "Rubric", spec.rubric or "none"


def _noise(noise: JudgeNoise | None) -> str:
    if noise is None or noise.sd is None:
        return "not measured"
    return f"standard deviation {noise.sd:.3f}, of {noise.n} outputs judged {noise.repeats} times more"


def _examples(job: Job) -> Iterator[Fact]:
    split = job.split
    sizes = {"train": split.train, "val": split.validation, "test": split.test}
    yield "Examples", signed_split(sizes) + (", drafted by the reflector" if job.drafted else "")
    if job.spec.near_duplicates:
        yield "Nearly the same", f"{len(job.spec.near_duplicates)} groups of examples, each in one split"
    if job.spec.fork is not None:
        yield "Forked from", job.spec.fork.job_id
    if (retest := job.spec.retest) is not None:
        yield "Re-test", f"of {retest.name}, version {retest.version} against {retest.against or 'the seed prompt'}"
        yield "Tolerance", score(retest.pinned.tolerance)


def _search(job: Job) -> Iterator[Fact]:
    spec = job.spec
    yield "Iterations", f"{job.iteration} of {spec.iterations}"
    yield "Proposals", f"{spec.population} in an iteration, each from {spec.minibatch} examples"
    yield "Seed of the random numbers", str(spec.seed)
    limits = {name: value for name, value in asdict(spec.budget).items() if value is not None}
    yield "Limits", ", ".join(f"{name} {_limit(name, value)}" for name, value in limits.items())
    if spec.max_prompt_tokens is not None:
        yield "Longest prompt", f"{count(spec.max_prompt_tokens)} tokens"
    for each in spec.keep:
        yield "Kept word for word", each
    if spec.metadata:
        yield "Metadata", json.dumps(spec.metadata, ensure_ascii=False)


def _limit(name: str, value: float) -> str:
    return usd(value) if name.endswith("_usd") else count(value)
