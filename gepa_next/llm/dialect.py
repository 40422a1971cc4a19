"""Remember which parameters a model does not take, and ask without them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Literal

Form = Literal["json_schema", "json_object", "plain"]

_SIMPLER: Mapping[Form, Form] = {"json_schema": "json_object", "json_object": "plain"}
_FORM_WORDS = (
    "response_format", "json_schema", "json_object", "json mode", "structured output", "guided", "grammar",
    "invalid schema", "requested parameters",
)  # fmt: skip
_REFUSALS = (
    "unsupported", "not support", "unrecognized", "unknown", "unexpected", "not permitted", "not allowed",
    "max_completion_tokens", "deprecated",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How to speak to one model: the form of structured output, the limit's name, what to leave out."""

    form: Form = "json_schema"
    limit_name: str = "max_tokens"
    left_out: frozenset[str] = frozenset()

    def without(self, payload: Mapping[str, object], complaint: str) -> "Dialect | None":
        """Return the dialect that leaves out what the provider complains of, or None when it is nothing we sent."""
        said = complaint.lower()
        if "max_tokens" in payload and "max_tokens" in said and any(word in said for word in _REFUSALS):
            return replace(self, limit_name="max_completion_tokens")
        optional = payload.keys() - {"model", "messages", "response_format", "max_tokens", "max_completion_tokens"}
        named = {name for name in optional if name.lower() in said}
        if named:
            return replace(self, left_out=self.left_out | named)
        if "response_format" in payload and self.form in _SIMPLER and any(word in said for word in _FORM_WORDS):
            return replace(self, form=_SIMPLER[self.form])
        return None


class Dialects:
    """What has been learned of each model; shared by threads."""

    def __init__(self) -> None:
        self._by_model: dict[str, Dialect] = {}
        self._lock = Lock()

    def get_dialect(self, model_id: str) -> Dialect:
        """Return how to speak to the model, as far as is known."""
        with self._lock:
            return self._by_model.get(model_id, Dialect())

    def learn(self, model_id: str, learned: Dialect) -> Dialect:
        """Add to what is known, never taking back what another thread has learned; return the sum."""
        with self._lock:
            known = self._by_model.get(model_id, Dialect())
            simplest: Form = max(known.form, learned.form, key=_rank)
            limit_name = max(known.limit_name, learned.limit_name, key=lambda name: name != "max_tokens")
            total = Dialect(form=simplest, limit_name=limit_name, left_out=known.left_out | learned.left_out)
            self._by_model[model_id] = total
            return total


def _rank(form: Form) -> int:
    return ("json_schema", "json_object", "plain").index(form)
