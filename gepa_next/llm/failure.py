"""Say of a failed call which fault it met, and what is done about such a fault: a row of the table."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gepa_next.gepa.types import Role
from gepa_next.llm.complaint import NO_COMPLAINT, Complaint


class Wait(StrEnum):
    """Say how long to wait before the next try."""

    NONE = "none"
    BACKOFF = "backoff"
    AT_ONCE_THEN_BACKOFF = "at once on a fresh connection, then backoff"
    TOGETHER = "with all calls to the endpoint"


class Paid(StrEnum):
    """Say whether the provider may have charged for a request that failed so."""

    NO = "no"
    PERHAPS = "perhaps"  # its input was probably read: it is counted, and priced
    AS_SAID = "as its usage says"


class Scope(StrEnum):
    """Say what becomes of the job when the retries are used up; a person can resume one that ended."""

    NONE = "goes on"
    CALL = "goes on without the rollout or the proposal"
    JOB = "ends `failed`"


_SAID_BY_ROLE = {Role.TARGET: "`error` of the rollout", Role.JUDGE: "`judge`", Role.REFLECTOR: "`guard`"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One row: how the fault shows, the code users see, and what is done.

    `retries` None is no limit: whoever paces the endpoint says when it is enough. `budgeted` says that retries
    draw on the retry budget, because they add load where there may be too much; `roles`, whose calls it can
    befall. The code of a fault that is mended, Scope.NONE, is a flag on the answer.
    """

    name: str
    code: str
    shows: str
    advice: str
    retries: int | None = 0
    wait: Wait = Wait.NONE
    paid: Paid = Paid.NO
    budgeted: bool = False
    scope: Scope = Scope.CALL
    roles: tuple[Role, ...] = tuple(Role)

    @property
    def billed(self) -> bool:
        """Whether the failed request counts as one that was paid for its input."""
        return self.paid is Paid.PERHAPS

    @property
    def said(self) -> str:
        """Where the code stands in the end: in an event, in a rollout, among the flags of an answer."""
        match self.scope:
            case Scope.JOB:
                return "`waiting`, `failed`" if self.wait is Wait.TOGETHER else "`failed`"
            case Scope.NONE:
                return "a flag"
        return ", ".join(_SAID_BY_ROLE[role] for role in self.roles)

    @property
    def job(self) -> str:
        """What becomes of the job if the fault does not pass."""
        return f"waits, then {self.scope}" if self.wait is Wait.TOGETHER else self.scope


class Failure(Exception):
    """Carry a fault from where it is seen to where it is decided upon; never leaves this package.

    `complaint` is what the provider says, for finding the parameter that it complains of, `usage` what it says that
    the failed request consumed. `ends` says what the failure ends if that is decided already, and then there is no
    further try. `repeated` counts how often the request was sent before by what died over it.
    """

    def __init__(
        self,
        fault: Fault,
        detail: str = "",
        *,
        retry_after_s: float | None = None,
        complaint: Complaint = NO_COMPLAINT,
        ends: Scope | None = None,
        repeated: int = 0,
    ) -> None:
        super().__init__(f"{fault.name}: {detail}")
        self.fault = fault
        self.detail = detail
        self.retry_after_s = retry_after_s
        self.complaint = complaint
        self.ends = ends
        self.repeated = repeated
        self.usage: Mapping[str, object] = {}
