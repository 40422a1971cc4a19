"""The routes of pinned prompts, as the description of the API has them."""

from gepa_next.api.description.job_operations import MADE, MAKE_ERRORS, UNCHANGED
from gepa_next.api.description.operation import NAMED_ERRORS, TEXT, WRITE_ERRORS, Answer, Operation, Operations
from gepa_next.api.description.parameters import (
    IDEMPOTENCY_KEY,
    IF_MATCH,
    IF_NONE_MATCH,
    NUMBER_OF_VERSION,
    PAGED,
    PROMPT_NAME,
)
from gepa_next.api.jobs.schemas import PinBody, RetestBody, RollbackBody
from gepa_next.api.pins.states import HistoryPage, PinPage, PinState, RetestPage

_TAGGED = ("ETag", "Cache-Control", "Vary")
_SERVED = Answer(
    "The version; as text the prompt alone",
    PinState,
    (*_TAGGED, "Content-Location"),
    texts={TEXT: "The prompt, or the components of a program, each under its name."},
)
_WRITE_ERRORS = (*NAMED_ERRORS, *WRITE_ERRORS, "precondition_failed")

PIN_OPERATIONS: Operations = {
    ("get", "/v1/prompts"): Operation(
        group="Pinned prompts",
        summary="List pinned prompts, each as its active version",
        answers={200: Answer("A page of versions, by name", PinPage)},
        parameters=PAGED,
    ),
    ("put", "/v1/prompts/{name}"): Operation(
        group="Pinned prompts",
        summary="Pin a candidate of a job under a name (201), unless it is the active version already (200)",
        answers={
            201: Answer("The new version", PinState, (*_TAGGED, "Location")),
            200: Answer("The version, which is the active one already", PinState, _TAGGED),
        },
        parameters=(PROMPT_NAME, IF_MATCH),
        request=PinBody,
        errors=(*_WRITE_ERRORS, "not_pinnable", "quota_exceeded"),
    ),
    ("get", "/v1/prompts/{name}"): Operation(
        group="Pinned prompts",
        summary="Read the active version, as text or JSON",
        answers={200: _SERVED, 304: UNCHANGED},
        parameters=(PROMPT_NAME, IF_NONE_MATCH, IF_MATCH),
        errors=(*NAMED_ERRORS, "precondition_failed"),
    ),
    ("delete", "/v1/prompts/{name}"): Operation(
        group="Pinned prompts",
        summary="Delete all versions of a name",
        answers={204: Answer("They are gone")},
        parameters=(PROMPT_NAME, IF_MATCH),
        errors=(*NAMED_ERRORS, "precondition_failed", "store_busy"),
    ),
    ("get", "/v1/prompts/{name}/versions"): Operation(
        group="Pinned prompts",
        summary="List the versions, newest first",
        answers={200: Answer("A page of versions", PinPage)},
        parameters=(PROMPT_NAME, *PAGED),
        errors=NAMED_ERRORS,
    ),
    ("get", "/v1/prompts/{name}/versions/{number}"): Operation(
        group="Pinned prompts",
        summary="Read one version, as text or JSON",
        answers={200: _SERVED, 304: UNCHANGED},
        parameters=(PROMPT_NAME, NUMBER_OF_VERSION, IF_NONE_MATCH, IF_MATCH),
        errors=(*NAMED_ERRORS, "precondition_failed"),
    ),
    ("get", "/v1/prompts/{name}/history"): Operation(
        group="Pinned prompts",
        summary="Say which version was active when",
        answers={200: Answer("A page of the history, latest first", HistoryPage)},
        parameters=(PROMPT_NAME, *PAGED),
        errors=NAMED_ERRORS,
    ),
    ("post", "/v1/prompts/{name}/rollback"): Operation(
        group="Pinned prompts",
        summary="Make a version that there is the active one",
        answers={200: Answer("The version", PinState, _TAGGED)},
        parameters=(PROMPT_NAME, IF_MATCH),
        request=RollbackBody,
        errors=_WRITE_ERRORS,
    ),
    ("post", "/v1/prompts/{name}/retest"): Operation(
        group="Pinned prompts",
        summary="Create a job that tests the active version again",
        answers=MADE,
        parameters=(PROMPT_NAME, IDEMPOTENCY_KEY),
        request=RetestBody,
        needs_body=False,
        errors=(*NAMED_ERRORS, *MAKE_ERRORS, "not_retestable"),
    ),
    ("get", "/v1/prompts/{name}/retests"): Operation(
        group="Pinned prompts",
        summary="List the re-tests of all versions, newest first",
        answers={200: Answer("A page of re-tests", RetestPage)},
        parameters=(PROMPT_NAME, *PAGED),
        errors=NAMED_ERRORS,
    ),
}
