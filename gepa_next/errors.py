"""Every error this project raises on purpose, in one tree.

GepaNextError                 has a `code`, the word that users see
├── ModelError                one model call failed; never a score
│   └── ProviderError         the provider cannot serve this job; a person must mend it
├── RefusedError              the request was understood and refused
│   ├── InvalidError          a value is wrong; carries path and message of each
│   ├── NotFoundError
│   ├── ConflictError         the job's status does not allow it
│   ├── UnavailableError      try again later
│   └── QuotaError            the owner has as much as they may
├── StoreError                the database file cannot be used
│   ├── DamagedError          what was read is not what was written
│   └── NoRoomError           the disk is full, or fails: it may be mended while nobody looks
├── ReplayError               what is stored does not suffice to make the run again
└── Interrupted               this process must let go of the job, which is not at fault

ConfigurationError            what the operator has set, or given to a command, cannot be used; no client is told
"""

from collections.abc import Sequence


class GepaNextError(Exception):
    """Base of the tree: `code` is stable and documented, `message` is for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class ConfigurationError(Exception):
    """Report a setting that cannot be used, by the name of its variable, or a file, by its path."""


class ModelError(GepaNextError):
    """Report one model call that yielded nothing usable; the job goes on without it.

    The numbers say what the failed call consumed, every request counted; `cost_usd` None is unknown, and
    without the `doubtful` requests, of which nobody knows whether they were paid.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        sends: int = 1,
        input_tokens: int = 0,
        output_tokens: int = 0,
        cost_usd: float | None = None,
        doubtful: int = 0,
    ) -> None:
        super().__init__(code, message)
        self.sends = sends
        self.input_tokens = input_tokens
        self.output_tokens = output_tokens
        self.cost_usd = cost_usd
        self.doubtful = doubtful


class ProviderError(ModelError):
    """Report a provider that refuses or cannot serve; the job ends `failed`, resumable."""


class RefusedError(GepaNextError):
    """Report a request that will not be carried out."""


class InvalidError(RefusedError):
    """Report wrong values; each detail is (path, message)."""

    def __init__(self, message: str, details: Sequence[tuple[str, str]], *, code: str = "validation_error") -> None:
        super().__init__(code, message)
        self.details = tuple(details)


class NotFoundError(RefusedError):
    """Report something that does not exist, or belongs to another token."""

    def __init__(self, message: str) -> None:
        super().__init__("not_found", message)


class ConflictError(RefusedError):
    """Report a job whose status does not allow the request."""


class UnavailableError(RefusedError):
    """Report a condition that passes by itself."""


class QuotaError(RefusedError):
    """Report what would give an owner more than they may have."""


class StoreError(GepaNextError):
    """Report a database file that cannot be used, and why."""


class DamagedError(StoreError):
    """Report a part of the database file that is damaged; other parts may be whole."""

    def __init__(self, message: str) -> None:
        super().__init__("damaged", message)


class NoRoomError(StoreError):
    """Report a database file that cannot be used because the disk is full, or fails."""

    def __init__(self, message: str) -> None:
        super().__init__("store_unavailable", message)


class ReplayError(GepaNextError):
    """Report a run that cannot be made again from what is stored; names what is missing."""


class Interrupted(GepaNextError):
    """Unwind a job this process must stop working on: cancelled, taken over or draining.

    The numbers say what the call that was interrupted had consumed by then.
    """

    sends = 0
    input_tokens = 0
    output_tokens = 0
    cost_usd: float | None = 0.0
    doubtful = 0
