"""The values beside a body, with the bounds that the routes check them by."""

from gepa_next.api.bank.exporting import FORMATS
from gepa_next.api.description.operation import Parameter
from gepa_next.api.edge.paging import DEFAULT_LIMIT, MOST
from gepa_next.api.evidence.artifacts import ARTIFACTS
from gepa_next.api.jobs.optimize import KEY
from gepa_next.api.jobs.schemas import ID, LONGEST_TAG
from gepa_next.api.pins.pins import NAME, NUMBER
from gepa_next.models import JobStatus

OPAQUE = {"type": "string", "minLength": 1}


def _whole(pattern: str) -> str:
    return f"^{pattern}$"


JOB_ID = Parameter(
    name="job_id", place="path", description="The job, as its state names it.", schema=OPAQUE, example="Qm4tVx0bZk2a"
)
COMPARISON_ID = Parameter(
    name="comparison_id",
    place="path",
    description="The comparison, as its state names it.",
    schema=OPAQUE,
    example="u8Hn3cRw_F1s",
)
EXAMPLE_ID = Parameter(
    name="example_id",
    place="path",
    description="The example in the bank.",
    schema={"type": "string", "pattern": _whole(ID.pattern)},
    example="ticket-1",
)
ARTIFACT = Parameter(
    name="name",
    place="path",
    description="The artifact, as the index names it.",
    schema={"type": "string", "enum": list(ARTIFACTS)},
    example="prompt.txt",
)
PROMPT_NAME = Parameter(
    name="name",
    place="path",
    description="The name under which a prompt is pinned.",
    schema={"type": "string", "pattern": _whole(NAME.pattern)},
    example="triage",
)
NUMBER_OF_VERSION = Parameter(
    name="number",
    place="path",
    description="The number of a version: 1, 2, 3 …",
    schema={"type": "string", "pattern": _whole(NUMBER.pattern)},
    example="1",
)
ITERATIONS = Parameter(
    name="iterations",
    place="query",
    description="As `iterations` in the body; both and different is an error.",
    schema={"type": "integer", "minimum": 1},  # the maximum is a setting
    example=5,
)
STATUS = Parameter(
    name="status",
    place="query",
    description="Only jobs with this status.",
    schema={"type": "string", "enum": list(JobStatus)},
    example="finished",
)
LIMIT = Parameter(
    name="limit",
    place="query",
    description="How many items a page holds.",
    schema={"type": "integer", "minimum": 1, "maximum": MOST, "default": DEFAULT_LIMIT},
    example=10,
)
CURSOR = Parameter(
    name="cursor",
    place="query",
    description="Where the page begins: `next_cursor` of the page before, for the same list.",
    schema={"type": "string", "pattern": "^[A-Za-z0-9_-]*$"},
    example=None,
)
TAG = Parameter(
    name="tag",
    place="query",
    description="Only examples with this tag; more than once: with all of them.",
    schema={"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": LONGEST_TAG}},
    example=["billing"],
)
FORMAT = Parameter(
    name="format",
    place="query",
    description="All examples as one file, JSON lines or CSV, instead of a page; not with `limit` and `cursor`.",
    schema={"type": "string", "enum": list(FORMATS)},
    example=None,
)
DRY_RUN = Parameter(
    name="dry_run",
    place="query",
    description="`true`: say what would be written, and write nothing. Only with many examples.",
    schema={"type": "boolean", "default": False},
    example=None,
)
NONDOMINATED = Parameter(
    name="nondominated",
    place="query",
    description="`true`: only candidates that no other dominates; `false`: only those that another does.",
    schema={"type": "boolean"},
    example=True,
)
LAST_EVENT_ID = Parameter(
    name="last_event_id",
    place="query",
    description="The last event that the client has, for clients that cannot send the header, which beats it."
    " What is not an id of this job means the whole history.",
    schema={"type": "string"},
    example="3",
)
LAST_EVENT_ID_HEADER = Parameter(
    name="Last-Event-ID",
    place="header",
    description="The last event that the client has; the stream goes on after it.",
    schema={"type": "string"},
    example="3",
)
IDEMPOTENCY_KEY = Parameter(
    name="Idempotency-Key",
    place="header",
    description="The same key with the same body makes nothing a second time.",
    schema={"type": "string", "pattern": _whole(KEY.pattern)},
    example="order-2041",
)
IF_NONE_MATCH = Parameter(
    name="If-None-Match",
    place="header",
    description="The `ETag` that the client has: 304 if nothing has changed.",
    schema={"type": "string"},
    example='W/"an-earlier-one"',
)
IF_MATCH = Parameter(
    name="If-Match",
    place="header",
    description="The `ETag` of the active version: 412 if another one is active.",
    schema={"type": "string"},
    example="*",
)
PAGED = (LIMIT, CURSOR)
