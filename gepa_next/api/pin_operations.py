"""The routes of pinned prompts, as the description of the API has them."""

from collections.abc import Mapping

from gepa_next.api.operation import NAMED_ERRORS, WRITE_ERRORS, Operation
from gepa_next.api.pin_states import HistoryPage, PinPage, PinState, RetestPage
from gepa_next.api.schemas import PinBody, RetestBody, RollbackBody
from gepa_next.api.states import JobState

PIN_OPERATIONS: Mapping[tuple[str, str], Operation] = {
    ("get", "/v1/prompts"): Operation(
        summary="List pinned prompts, each as its active version",
        response=PinPage,
        query=("limit", "cursor"),
    ),
    ("put", "/v1/prompts/{name}"): Operation(
        summary="Pin a candidate of a job under a name (201), unless it is the active version already (200)",
        success=201,
        also={200: "The version is the active one already"},
        request=PinBody,
        response=PinState,
        headers=("If-Match",),
        errors=(*NAMED_ERRORS, *WRITE_ERRORS, "not_pinnable", "precondition_failed"),
    ),
    ("get", "/v1/prompts/{name}"): Operation(
        summary="Read the active version, as text or JSON",
        response=PinState,
        text=True,
        headers=("If-None-Match",),
        errors=(*NAMED_ERRORS, "precondition_failed"),
        also={304: "Nothing has changed"},
    ),
    ("delete", "/v1/prompts/{name}"): Operation(
        summary="Delete all versions of a name",
        success=204,
        headers=("If-Match",),
        errors=(*NAMED_ERRORS, "precondition_failed", "store_busy"),
    ),
    ("get", "/v1/prompts/{name}/versions"): Operation(
        summary="List the versions, newest first", response=PinPage, query=("limit", "cursor"), errors=NAMED_ERRORS
    ),
    ("get", "/v1/prompts/{name}/versions/{number}"): Operation(
        summary="Read one version, as text or JSON",
        response=PinState,
        text=True,
        headers=("If-None-Match",),
        errors=(*NAMED_ERRORS, "precondition_failed"),
        also={304: "Nothing has changed"},
    ),
    ("get", "/v1/prompts/{name}/history"): Operation(
        summary="Say which version was active when",
        response=HistoryPage,
        query=("limit", "cursor"),
        errors=NAMED_ERRORS,
    ),
    ("post", "/v1/prompts/{name}/rollback"): Operation(
        summary="Make a version that there is the active one",
        request=RollbackBody,
        response=PinState,
        headers=("If-Match",),
        errors=(*NAMED_ERRORS, *WRITE_ERRORS, "precondition_failed"),
    ),
    ("post", "/v1/prompts/{name}/retest"): Operation(
        summary="Create a job that tests the active version again",
        also={200: "The job that the same request made before"},
        success=201,
        request=RetestBody,
        needs_body=False,
        response=JobState,
        headers=("Idempotency-Key",),
        errors=(
            *NAMED_ERRORS,
            *WRITE_ERRORS,
            "not_retestable",
            "idempotency_key_reused",
            "program_not_allowed",
            "queue_full",
            "shutting_down",
        ),
    ),
    ("get", "/v1/prompts/{name}/retests"): Operation(
        summary="List the re-tests of all versions, newest first",
        response=RetestPage,
        query=("limit", "cursor"),
        errors=NAMED_ERRORS,
    ),
}
