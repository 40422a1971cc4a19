"""The routes of jobs, as the description of the API has them."""

from gepa_next.api.description.operation import (
    EVENT_STREAM,
    NAMED_ERRORS,
    OWNER_ERRORS,
    READ_BODY_ERRORS,
    WRITE_ERRORS,
    Answer,
    Operation,
    Operations,
)
from gepa_next.api.description.parameters import (
    ARTIFACT,
    CURSOR,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    ITERATIONS,
    JOB_ID,
    LAST_EVENT_ID,
    LAST_EVENT_ID_HEADER,
    LIMIT,
    NONDOMINATED,
    STATUS,
)
from gepa_next.api.evidence.artifacts import ARTIFACTS
from gepa_next.api.evidence.states import ArtifactIndex, CandidatesState
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.quote_state import QuoteState
from gepa_next.api.jobs.schemas import OptimizeBody, ResumeBody
from gepa_next.api.jobs.states import JobPage, JobState, StreamTokenState

MADE = {
    201: Answer("The new job", JobState, ("Location", "ETag", "Retry-After")),
    200: Answer(
        "The job that the same request made before",
        JobState,
        ("Location", "ETag", "Retry-After", "Idempotent-Replayed"),
    ),
}
MAKE_ERRORS = (
    *WRITE_ERRORS,
    *OWNER_ERRORS,
    "idempotency_key_reused",
    "program_not_allowed",
    "queue_full",
    "shutting_down",
)
STATE = Answer("The job's state", JobState, ("ETag", "Retry-After"))
UNCHANGED = Answer("Nothing has changed", headers=("ETag",))
STREAM = (
    "Server-sent events, each with the shape here: `id` is 1, 2, 3 … without gaps, `event` the type, `data` one line of"
    " JSON with the shape of the schema `EventState`. `retry:` comes first, an idle stream gets the comment `:`, and it"
    " ends after the terminal event."
)
_JOB = NAMED_ERRORS

JOB_OPERATIONS: Operations = {
    ("post", "/v1/optimize"): Operation(
        group="Jobs",
        summary="Create a job, or return the one the same request made before (200)",
        answers=MADE,
        request=OptimizeBody,
        parameters=(ITERATIONS, IDEMPOTENCY_KEY),
        errors=MAKE_ERRORS,
    ),
    ("post", "/v1/optimize/quote"): Operation(
        group="Jobs",
        summary="Say what the job of this body would take; makes none",
        answers={200: Answer("Calls, tokens and USD, expected and at most", QuoteState)},
        request=OptimizeBody,
        parameters=(ITERATIONS,),
        errors=(*READ_BODY_ERRORS, "program_not_allowed"),
    ),
    ("get", "/v1/optimize"): Operation(
        group="Jobs",
        summary="List jobs, newest first",
        answers={200: Answer("A page of jobs", JobPage)},
        parameters=(STATUS, LIMIT, CURSOR),
    ),
    ("get", "/v1/optimize/{job_id}"): Operation(
        group="Jobs",
        summary="Read a job's state",
        answers={200: STATE, 304: UNCHANGED},
        parameters=(JOB_ID, IF_NONE_MATCH),
        errors=_JOB,
    ),
    ("delete", "/v1/optimize/{job_id}"): Operation(
        group="Jobs",
        summary="Cancel a job",
        answers={200: STATE},
        parameters=(JOB_ID,),
        errors=(*_JOB, "not_cancelable", "store_busy"),
    ),
    ("post", "/v1/optimize/{job_id}/stop"): Operation(
        group="Jobs",
        summary="Have a job end soon with the best so far, its final test included",
        answers={202: STATE},
        parameters=(JOB_ID,),
        errors=(*_JOB, "not_stoppable", "store_busy"),
    ),
    ("post", "/v1/optimize/{job_id}/resume"): Operation(
        group="Jobs",
        summary="Have a terminal job go on from its checkpoint, under larger limits if given",
        answers={202: STATE},
        parameters=(JOB_ID,),
        request=ResumeBody,
        needs_body=False,
        errors=(*_JOB, *WRITE_ERRORS, *OWNER_ERRORS, "not_resumable"),
    ),
    ("post", "/v1/optimize/{job_id}/fork"): Operation(
        group="Jobs",
        summary="Create a job that begins with a candidate of this one, or with all it knew as of an event",
        answers=MADE,
        parameters=(JOB_ID, IDEMPOTENCY_KEY),
        request=ForkBody,
        needs_body=False,
        errors=(*_JOB, *MAKE_ERRORS),
    ),
    ("post", "/v1/optimize/{job_id}/fork/quote"): Operation(
        group="Jobs",
        summary="Say what the fork of this body would take; makes none",
        answers={200: Answer("Calls, tokens and USD, expected and at most", QuoteState)},
        parameters=(JOB_ID,),
        request=ForkBody,
        needs_body=False,
        errors=(*_JOB, *READ_BODY_ERRORS, "program_not_allowed"),
    ),
    ("get", "/v1/optimize/{job_id}/events"): Operation(
        group="Jobs",
        summary="Follow a job's events as server-sent events; 204 when there will be no more",
        answers={
            200: Answer("The event stream", None, ("Cache-Control",), {EVENT_STREAM: STREAM}),
            204: Answer("The job has ended and there are no more events"),
        },
        parameters=(JOB_ID, LAST_EVENT_ID, LAST_EVENT_ID_HEADER),
        errors=(*_JOB, "too_many_streams", "too_many_streams_of_owner"),
        access="stream",
    ),
    ("post", "/v1/optimize/{job_id}/stream-token"): Operation(
        group="Jobs",
        summary="Get a token that opens this job's event stream, for a page with an EventSource",
        answers={200: Answer("The token", StreamTokenState)},
        parameters=(JOB_ID,),
        errors=_JOB,
    ),
    ("get", "/v1/optimize/{job_id}/candidates"): Operation(
        group="Jobs",
        summary="List every candidate of a job, or those comparable ones that no other, or another, dominates",
        answers={200: Answer("The candidates, oldest first", CandidatesState)},
        parameters=(JOB_ID, NONDOMINATED),
        errors=_JOB,
    ),
    ("get", "/v1/optimize/{job_id}/artifacts"): Operation(
        group="Jobs",
        summary="List a job's artifacts",
        answers={200: Answer("The index", ArtifactIndex)},
        parameters=(JOB_ID,),
        errors=_JOB,
    ),
    ("get", "/v1/optimize/{job_id}/artifacts/{name}"): Operation(
        group="Jobs",
        summary="Read an artifact",
        answers={
            200: Answer(
                "The artifact, in its own content type",
                texts={kind.partition(";")[0]: f"`{name}` and its like" for name, kind in ARTIFACTS.items()},
            )
        },
        parameters=(JOB_ID, ARTIFACT),
        errors=_JOB,
    ),
}
