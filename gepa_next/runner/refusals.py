"""Refusals: a provider that refuses the job over one call is not asked for the next."""

from gepa_next.errors import ProviderError
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import Completion, ModelCall


class UntilRefused:
    """A LanguageModel that passes calls on until one ends the job, and then raises that error for all others.

    Calls in flight are not recalled. For one job, by many threads.
    """

    def __init__(self, model: LanguageModel) -> None:
        self._model = model
        self._refusal: ProviderError | None = None

    def __call__(self, call: ModelCall, /) -> Completion:
        """Return the answer, unless an earlier call was told that there will be none."""
        if self._refusal is not None:
            raise ProviderError(self._refusal.code, self._refusal.message, sends=0, cost_usd=0.0)
        try:
            return self._model(call)
        except ProviderError as error:
            self._refusal = error
            raise
