"""What schemathesis loads beside the description: ids of things that are there, for most of what it asks."""

import json
import os
from typing import Any
from urllib.parse import quote
from zlib import crc32

import schemathesis

KNOWN = "FUZZ_KNOWN"  # by path and name of its variable, the value of one that is there
NOT_ASKED = (
    # A schema cannot say all that a body must be: ideals that a metric can use, weights that sum to 1, a split that
    # adds up. Nor that some fields have more than one name.
    "positive_data_acceptance",
    "negative_data_rejection",
    "ignored_auth",  # after thirty wrong tokens a minute the answer is 429; the tests of tokens ask every route
    "allow_header_conformance",  # the path of a quote is that of a job, too, to whoever asks with GET
)
LONGEST_QUERY = 3000  # a longer request line never reaches the application: the server itself says 414


@schemathesis.serializer("application/x-ndjson", "text/csv")
def as_it_is(context: schemathesis.SerializationContext, value: object) -> bytes:
    """Send a text in the type that is asked for."""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "replace")


@schemathesis.hook
def filter_query(context: schemathesis.HookContext, query: object) -> bool:
    """Leave out queries that are too long for a request line."""
    return len(quote(str(query))) < LONGEST_QUERY


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    """Put a thing that is there in the place of three of four that are right in form."""
    if case.meta is None or case.meta.phase.name.value == "stateful":
        return
    known = json.loads(os.environ[KNOWN])
    path = case.operation.path
    modes = {place.value: info.mode.value for place, info in case.meta.components.items()}
    for name, value in list(case.path_parameters.items()) if modes.get("path") == "positive" else ():
        real = known.get(f"{path.split('/')[2]}/{name}")
        if real is not None and (crc32(str(value).encode()) % 4 or path.endswith("/events")):
            case.path_parameters[name] = real
    if modes.get("body") == "positive" and isinstance(case.body, dict) and "job_id" in case.body:
        case.body["job_id"] = known["optimize/job_id"]
