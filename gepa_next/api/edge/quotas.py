"""How much the owner behind a request may have: what their line in the file of tokens says, else what all may."""

from gepa_next.api.edge.auth import token
from gepa_next.api.edge.wiring import wiring
from gepa_next.store.quotas import Quota

MEGABYTE = 1024 * 1024


def quota() -> Quota:
    """Return how much the owner of this request's token may have."""
    own, usual = token().limits, wiring().limits.of_an_owner
    return Quota(
        jobs=usual.jobs if own.jobs is None else own.jobs,
        examples=usual.examples if own.examples is None else own.examples,
        stored_bytes=usual.stored_bytes if own.stored_mb is None else own.stored_mb * MEGABYTE,
    )
