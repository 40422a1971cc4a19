"""Every route, as the description of the API has it: those of comparisons, the bank and the service, and the others."""

from gepa_next.api.bank.exporting import FORMATS
from gepa_next.api.bank.states import ExamplePage, ExampleState, ImportState
from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.comparisons.states import ComparisonQuoteState, ComparisonState
from gepa_next.api.description.job_operations import JOB_OPERATIONS, UNCHANGED
from gepa_next.api.description.operation import (
    NAMED_ERRORS,
    OWNER_ERRORS,
    READ_BODY_ERRORS,
    TEXT,
    WRITE_ERRORS,
    Answer,
    Operation,
    Operations,
)
from gepa_next.api.description.parameters import (
    COMPARISON_ID,
    DRY_RUN,
    EXAMPLE_ID,
    FORMAT,
    IDEMPOTENCY_KEY,
    IF_NONE_MATCH,
    ITERATIONS,
    PAGED,
    TAG,
)
from gepa_next.api.description.pin_operations import PIN_OPERATIONS
from gepa_next.api.jobs.schemas import ExampleBody
from gepa_next.api.service.states import FlatMetrics, HealthState, OpenApiDocument, ReadyState, VersionState

_COMPARED = ("ETag", "Retry-After")

COMPARISON_OPERATIONS: Operations = {
    ("post", "/v1/comparisons"): Operation(
        group="Comparisons",
        summary="Create a job for each of several models, or return the comparison the same request made before (200)",
        answers={
            201: Answer("The new comparison", ComparisonState, (*_COMPARED, "Location")),
            200: Answer(
                "The comparison that the same request made before",
                ComparisonState,
                (*_COMPARED, "Location", "Idempotent-Replayed"),
            ),
        },
        request=ComparisonBody,
        parameters=(ITERATIONS, IDEMPOTENCY_KEY),
        errors=(*WRITE_ERRORS, *OWNER_ERRORS, "idempotency_key_reused", "queue_full", "shutting_down"),
    ),
    ("post", "/v1/comparisons/quote"): Operation(
        group="Comparisons",
        summary="Say what the comparison of this body would take, in all and each of its jobs; makes none",
        answers={200: Answer("Calls, tokens and USD, expected and at most", ComparisonQuoteState)},
        request=ComparisonBody,
        parameters=(ITERATIONS,),
        errors=READ_BODY_ERRORS,
    ),
    ("get", "/v1/comparisons/{comparison_id}"): Operation(
        group="Comparisons",
        summary="Read what the targets of a comparison have come to, side by side",
        answers={200: Answer("The comparison", ComparisonState, _COMPARED), 304: UNCHANGED},
        parameters=(COMPARISON_ID, IF_NONE_MATCH),
        errors=NAMED_ERRORS,
    ),
    ("delete", "/v1/comparisons/{comparison_id}"): Operation(
        group="Comparisons",
        summary="Cancel the jobs of a comparison that have not ended",
        answers={200: Answer("The comparison", ComparisonState, _COMPARED)},
        parameters=(COMPARISON_ID,),
        errors=(*NAMED_ERRORS, "not_cancelable", "store_busy"),
    ),
}
BANK_OPERATIONS: Operations = {
    ("get", "/v1/examples"): Operation(
        group="Example bank",
        summary="List the example bank, or get all of it as a file",
        answers={
            200: Answer(
                "A page of examples, by id; with a `format` all of them",
                ExamplePage,
                texts={
                    kind.partition(";")[0]: f"With `format={name}`: what `POST` takes"
                    for name, (kind, _) in FORMATS.items()
                },
            )
        },
        parameters=(TAG, *PAGED, FORMAT),
    ),
    ("post", "/v1/examples"): Operation(
        group="Example bank",
        summary="Write one example (201) or many (200)",
        answers={
            201: Answer("The example", ExampleState),
            200: Answer("How many were written, and the rows that could not be used", ImportState),
        },
        parameters=(DRY_RUN,),
        request=ExampleBody,
        imports=True,
        errors=(*WRITE_ERRORS, "quota_exceeded"),
    ),
    ("get", "/v1/examples/{example_id}"): Operation(
        group="Example bank",
        summary="Read an example",
        answers={200: Answer("The example", ExampleState)},
        parameters=(EXAMPLE_ID,),
        errors=NAMED_ERRORS,
    ),
    ("delete", "/v1/examples/{example_id}"): Operation(
        group="Example bank",
        summary="Delete an example",
        answers={204: Answer("It is gone")},
        parameters=(EXAMPLE_ID,),
        errors=(*NAMED_ERRORS, "store_busy"),
    ),
}
SERVICE_OPERATIONS: Operations = {
    ("get", "/v1/healthz"): Operation(
        group="Service",
        summary="Say that the process answers",
        answers={200: Answer("It does", HealthState)},
        access="open",
    ),
    ("get", "/v1/readyz"): Operation(
        group="Service",
        summary="Say check by check whether work can be done",
        answers={200: Answer("It can", ReadyState), 503: Answer("It cannot, and why", ReadyState)},
        access="open",
    ),
    ("get", "/v1/version"): Operation(
        group="Service",
        summary="Say what runs here, and to a token of scope admin under which settings",
        answers={200: Answer("Versions", VersionState)},
        access="optional",
    ),
    ("get", "/v1/metrics"): Operation(
        group="Service",
        summary="Metrics for Prometheus",
        answers={200: Answer("The metrics", texts={TEXT: "Prometheus's text format."})},
        access="metrics",
    ),
    ("get", "/v1/metricsz"): Operation(
        group="Service",
        summary="The same numbers as flat JSON",
        answers={200: Answer("The numbers by name", FlatMetrics)},
        access="metrics",
    ),
    ("get", "/v1/openapi.json"): Operation(
        group="Service",
        summary="This description",
        answers={200: Answer("OpenAPI 3.1", OpenApiDocument, ("ETag", "Cache-Control")), 304: UNCHANGED},
        parameters=(IF_NONE_MATCH,),
        access="open",
    ),
}
OPERATIONS: Operations = {
    **JOB_OPERATIONS,
    **COMPARISON_OPERATIONS,
    **BANK_OPERATIONS,
    **PIN_OPERATIONS,
    **SERVICE_OPERATIONS,
}
