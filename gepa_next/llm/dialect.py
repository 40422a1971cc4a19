"""Remember which parameters and values a model does not take, and ask without them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

from gepa_next.llm.complaint import Complaint

Form = Literal["json_schema", "json_object", "plain"]

_SIMPLER: Mapping[Form, Form] = {"json_schema": "json_object", "json_object": "plain"}
_FORM_WORDS = (
    "response_format", "json_schema", "json_object", "json mode", "structured output", "guided", "grammar",
    "invalid schema", "requested parameters",
)  # fmt: skip
_REFUSALS = (
    "unsupported", "not support", "n't support", "unrecognized", "unknown", "unexpected", "not permitted",
    "not allowed", "no endpoints found", "only", "max_completion_tokens", "deprecated",
)  # fmt: skip
# The parameter is taken, and its value is not.
_RANGES = (
    "less than", "greater than", "between", "at most", "at least", "in range", "in the range", "out of range",
    "range of", "maximum value", "minimum value", "max_value", "min_value", "less_than", "greater_than", "too large",
    "too high", "too small", "too low", "<=", ">=", "exceed", "positive", "maximum allowed", "range:",
)  # fmt: skip
_LIMITS = ("max_tokens", "max_completion_tokens")
_NEVER_LEFT_OUT = {"model", "messages", "response_format", *_LIMITS}
LEAST_LIMIT = 256  # tokens: a limit below is not worth an answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to speak to one model: the form of structured output, the limit's name, what to leave out.

    `most_tokens` is the highest limit that it takes, as far as is known; `takes_zero` whether a temperature of 0.
    """

    form: Form = "json_schema"
    limit_name: str = "max_tokens"
    left_out: frozenset[str] = frozenset()
    most_tokens: int | None = None
    takes_zero: bool = True

    def without(self, payload: Mapping[str, object], complaint: Complaint, *, guess: bool) -> "Dialect | None":
        """Return the dialect without what the provider complains of, or None when it is nothing that can be helped.

        With `guess`, a complaint that names nothing is taken to be about the form.
        """
        about_a_value = complaint.has(*_RANGES)
        if about_a_value and (milder := self._without_value(payload, complaint)):
            return milder
        refuses = complaint.has(*_REFUSALS) and not about_a_value
        if "max_tokens" in payload and refuses and complaint.has("max_tokens"):
            return replace(self, limit_name="max_completion_tokens")
        optional = payload.keys() - _NEVER_LEFT_OUT
        pointed_at = set() if about_a_value else optional & complaint.names
        named = pointed_at or {name for name in optional if refuses and name in complaint.prose}
        if named:
            return replace(self, left_out=self.left_out | named)
        if "response_format" not in payload:
            return None
        if complaint.has(*_FORM_WORDS):
            return replace(self, form=_SIMPLER[self.form])
        return replace(self, form="plain") if guess else None

    def _without_value(self, payload: Mapping[str, object], complaint: Complaint) -> "Dialect | None":
        """Return the dialect that does not have the value refused: a temperature of 0, a limit that is too high."""
        if payload.get("temperature") == 0 and (complaint.has("temperature") or "temperature" in complaint.names):
            return replace(self, takes_zero=False)
        limit = limit_of(payload)
        if limit is None or not (complaint.has(*_LIMITS) or complaint.names.intersection(_LIMITS)):
            return None
        said = max((number for number in complaint.numbers if LEAST_LIMIT <= number < limit), default=limit // 2)
        most_tokens = said if self.most_tokens is None else limit // 2  # what was said once did not help
        return replace(self, most_tokens=most_tokens) if most_tokens >= LEAST_LIMIT else None


def limit_of(payload: Mapping[str, object]) -> int | None:
    """Return the limit on the tokens of the answer, by either of its names."""
    found = next((payload[name] for name in _LIMITS if name in payload), None)
    return found if isinstance(found, int) else None


def room_for_answer(limit: int, complaint: Complaint) -> int | None:
    """Return how many tokens the input leaves in the context, or None where a lower limit is not said to help.

    Providers name the size of the context and of the input in many words, so the numbers are told by their values:
    the input alone fits into the context, and with the limit it does not.
    """
    numbers = complaint.numbers
    rooms = (context - given for context in numbers for given in numbers if given < context < given + limit)
    room = max(rooms, default=0)
    return room if room >= LEAST_LIMIT else None


class Dialects:
    """What has been learned of each model from what it answered; shared by threads."""

    def __init__(self) -> None:
        self._by_model: dict[str, Dialect] = {}
        self._taken: dict[str, set[Form]] = {}
        self._lock = Lock()

    def get_dialect(self, model_id: str) -> Dialect:
        """Return how to speak to the model, as far as is known."""
        with self._lock:
            return self._by_model.get(model_id, Dialect())

    def has_answered(self, model_id: str, form: Form | None = None) -> bool:
        """Say whether the model has answered yet, in this form if one is given."""
        with self._lock:
            taken = self._taken.get(model_id, set())
            return bool(taken) if form is None else form in taken

    def note_answer(self, model_id: str, payload: Mapping[str, object]) -> None:
        """Note that the model takes requests such as this one."""
        with self._lock:
            self._taken.setdefault(model_id, set()).add(_form_of(payload))

    def learn(self, model_id: str, learned: Dialect) -> None:
        """Add to what is known, never taking back what another thread has learned."""
        with self._lock:
            known = self._by_model.get(model_id, Dialect())
            simplest: Form = max(known.form, learned.form, key=_rank)
            limit_name = max(known.limit_name, learned.limit_name, key=lambda name: name != "max_tokens")
            bounds = [each.most_tokens for each in (known, learned) if each.most_tokens is not None]
            self._by_model[model_id] = Dialect(
                form=simplest,
                limit_name=limit_name,
                left_out=known.left_out | learned.left_out,
                most_tokens=min(bounds, default=None),
                takes_zero=known.takes_zero and learned.takes_zero,
            )


def _form_of(payload: Mapping[str, object]) -> Form:
    match payload.get("response_format"):
        case {"type": "json_schema"}:
            return "json_schema"
        case {"type": "json_object"}:
            return "json_object"
    return "plain"


def _rank(form: Form) -> int:
    return ("json_schema", "json_object", "plain").index(form)
