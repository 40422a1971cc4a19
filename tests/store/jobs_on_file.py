"""Jobs for tests of the store and the runner."""

from gepa_next.gepa.splits import SplitSizes, default_sizes
from gepa_next.gepa.types import Budget, Example, Pinned
from gepa_next.metrics import scoring_fingerprint
from gepa_next.models import JobSpec, Judge, PinnedVersion, Retest
from gepa_next.store.database import Database
from gepa_next.store.new_jobs import NewJob, insert_job
from gepa_next.store.pins import pin_version

WHO = "token"
EXAMPLES = tuple(
    Example(id=f"e{n}", input=f"Order {n} {thing} please.", ideal=f'{{"item": "{thing}", "qty": {n}}}')
    for n, thing in enumerate(["apple", "lamp", "chair", "rope", "candle", "pillow"] * 4)
)


def job_spec(**changes: object) -> JobSpec:
    values: dict[str, object] = {
        "prompt": "Extract the order.",
        "target_model_id": "sim/target",
        "metric": "judge",
        "rubric": "",
        "iterations": 3,
        "population": 3,
        "minibatch": 3,
        "split": default_sizes(len(EXAMPLES)),
        "budget": Budget(max_rollouts=500),
        "seed": 3,
        "cache": False,  # or one test's jobs would answer one another's questions
    }
    return JobSpec(**{**values, **changes})


def insert(
    database: Database,
    job_id: str = "job-1",
    *,
    examples: tuple[Example, ...] = EXAMPLES,
    judge: str = "sim/judge",
    **changes: object,
) -> str:
    spec = job_spec(**changes)
    new = NewJob(
        id=job_id,
        token_id=WHO,
        spec=spec,
        examples=examples,
        judge=Judge(model_id=judge, fingerprint=scoring_fingerprint(spec, judge)),
        simulated=True,
        created_at=1.0,
        body_sha256="body",
    )
    return insert_job(database, new)[0]


PINNED = PinnedVersion(
    name="orders",
    number=0,
    text="Extract the order.",
    prompts={},
    job_id="job-1",
    job_created_at=1.0,
    candidate_id=0,
    score=0.5,
    scored_on="test",
    verdict="improved",
    spec=job_spec(),
    judge=Judge(model_id="sim/judge", fingerprint="f"),
    simulated=True,
    created_at=2.0,
)


def pin(database: Database) -> None:
    pin_version(database, WHO, PINNED, seen=None)


def insert_retest(database: Database, job_id: str = "job-1", **changes: object) -> str:
    """Store a re-test of what was pinned, on all examples; each of them is lost."""
    size, lost = len(EXAMPLES), Pinned(text="Never say what is ordered.", tolerance=-1.1)
    retest = Retest(name=PINNED.name, version=1, against=0, pinned=lost)
    split = SplitSizes(train=size, validation=size, test=0)
    return insert(database, job_id, **{"retest": retest, "split": split, "iterations": 1, **changes})
