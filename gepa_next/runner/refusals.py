"""Refusals: a provider that refuses the job over one call is not asked for the next."""

from collections.abc import Callable

from gepa_next.errors import ProviderError
from gepa_next.gepa.ports import LanguageModel
from gepa_next.gepa.types import Completion, ModelCall


class UntilRefused:
    """A LanguageModel that passes calls on until one ends the job, and then raises that error for all others.

    It will `tell` of the error: requests in flight are not recalled, but others of their calls need not follow. For
    one job, by many threads.
    """

    def __init__(self, model: LanguageModel, *, tell: Callable[[ProviderError], None]) -> None:
        self._model = model
        self._tell = tell
        self._refusal: ProviderError | None = None

    def __call__(self, call: ModelCall, /) -> Completion:
        """Return the answer, unless an earlier call was told that there will be none."""
        if self._refusal is not None:
            raise unsent(self._refusal)
        try:
            return self._model(call)
        except ProviderError as error:
            self._refusal = error
            self._tell(error)
            raise


def unsent(refusal: ProviderError) -> ProviderError:
    """Return the same error for a call that sends nothing because of it."""
    return ProviderError(refusal.code, refusal.message, sends=0, cost_usd=0.0)
