"""The report as HTML: one file without scripts, that loads nothing, piece by piece."""

import base64
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from gepa_next.api import words
from gepa_next.api.edge.pacing import unhurried
from gepa_next.api.evidence.records import Mark, returned_prompt
from gepa_next.api.evidence.report.candidates import family_of
from gepa_next.api.evidence.report.cases import SHOWN_CASES, cases_of
from gepa_next.api.evidence.report.curve import HEIGHT, LEFT, WIDTH, curve_of
from gepa_next.api.evidence.report.facts import facts_of, simulated_roles
from gepa_next.api.evidence.report.texts import Text, clipped, texts_against_seed
from gepa_next.api.evidence.report.tree import WIDTH as TREE_WIDTH
from gepa_next.api.evidence.report.tree import tree_of
from gepa_next.api.jobs.states import usage_state, warnings_of
from gepa_next.models import Job
from gepa_next.store.database import Database
from gepa_next.store.evidence import list_lessons, list_usage
from gepa_next.version import VERSION

MOST_LESSONS = 100
LONGEST_TEXT, LONGEST_REMARK = 1500, 600
_FOLDER = files("gepa_next.api.evidence.report")
_STYLE = _FOLDER.joinpath("report.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
IN_THE_FILE = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
POLICY = f"{IN_THE_FILE}; frame-ancestors 'none'"


def _environment() -> Environment:
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    told = (
        words.score,
        words.difference,
        words.usd,
        words.count,
        words.duration,
        words.ended,
        words.moment,
        words.many,
        words.plain,
    )
    found.filters.update({each.__name__: each for each in told})
    found.filters.update({"long": lambda text: clipped(text, LONGEST_TEXT)})
    found.filters.update({"remark": lambda text: clipped(text, LONGEST_REMARK)})
    return found


_TEMPLATE = _environment().from_string(_FOLDER.joinpath("report.html").read_text(encoding="utf-8"))


def report(database: Database, job: Job, receipt: Mark) -> Iterator[str]:
    """Yield the report; `receipt` is what that of the same job is told by."""
    family, cases, lessons = family_of(database, job), cases_of(database, job), list_lessons(database, job.id)
    return _TEMPLATE.generate(
        style=Markup(_STYLE),  # noqa: S704 - ours, and it must not be escaped
        policy=IN_THE_FILE,
        version=VERSION,
        job=job,
        receipt=receipt,
        simulated=simulated_roles(job),
        result=job.result or {},
        found=_comparison(job),
        warnings=warnings_of(job),
        texts=texts_against_seed(job, returned_prompt(job), _returned_prompts(job)),
        runner_up=_runner_up(job),
        names=_names(job),
        curve=None if job.spec.retest else curve_of(database, job, family),
        size={"width": WIDTH, "height": HEIGHT, "left": LEFT},
        cases=cases,
        most_cases=SHOWN_CASES,
        shown_cases=unhurried(cases.shown(database, job)) if cases else (),
        family=family,
        tree=None if job.spec.retest else tree_of(family, job.best_candidate_id),
        tree_width=TREE_WIDTH,
        lessons=lessons[:MOST_LESSONS],
        lessons_left_out=len(lessons[MOST_LESSONS:]),
        facts=facts_of(job),
        usage=usage_state(job, list_usage(database, job.id)),
    )


def _names(job: Job) -> dict[str, str]:
    """Return what the two prompts that are compared are called, and what they are scored on."""
    scored_on = "held-out" if job.result is not None and job.result["scored_on"] == "test" else "to select by"
    returned = "Best so far" if job.result is None else "Returned"
    names = {"before": "Seed prompt", "rival": "the seed prompt", "after": f"Candidate {job.best_candidate_id}"}
    if (retest := job.spec.retest) is None:
        return {**names, "returned": returned, "scored_on": scored_on}
    if retest.against:
        names |= {"before": f"Version {retest.against}", "rival": f"version {retest.against}"}
    pinned = f"Version {retest.version}"
    return {**names, "after": pinned, "returned": pinned, "scored_on": "on all examples"}


def _comparison(job: Job) -> object:
    """Return the paired comparison that the verdict rests on, None without one."""
    result: Mapping[str, object] = job.result or {}
    return result.get("test") or result.get("retest")


def _returned_prompts(job: Job) -> Mapping[str, str]:
    found = job.result["prompts"] if job.result else job.best_prompts
    return {str(name): str(text) for name, text in found.items()} if isinstance(found, Mapping) else {}


def _runner_up(job: Job) -> list[Text]:
    """Return the best candidate where the seed prompt is returned all the same, else nothing."""
    if job.result is None or job.spec.retest or not job.best_candidate_id or job.result["candidate_id"]:
        return []
    return texts_against_seed(job, job.best_prompt or "", job.best_prompts)
