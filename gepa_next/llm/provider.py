"""Own what all calls to one endpoint share: its connections, its throttle, what each model takes, the retry budget."""

import hashlib
import json
from collections.abc import Callable, Mapping

from gepa_next.llm.classify import TRANSPORT_ERRORS, classify_exception, describe_exception
from gepa_next.llm.dialect import Dialects
from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.failure import Failure
from gepa_next.llm.pricing import Prices
from gepa_next.llm.probe import Probing
from gepa_next.llm.retry import RetryBudget
from gepa_next.llm.throttle import Throttle
from gepa_next.llm.transport import Answer, Posts, Transport


class Provider:
    """One endpoint in use; share it among threads and jobs.

    It lives as long as its process; what makes one for less closes it.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        transport: Posts | None = None,
        prices: Prices | None = None,
        throttle: Throttle | None = None,
    ) -> None:
        self.endpoint = endpoint
        self.prices = prices or Prices()
        self.throttle = throttle or Throttle()
        self.dialects = Dialects()
        self.probing = Probing()
        self.retry_budget = RetryBudget()
        self._transport = transport or Transport()

    def send(
        self, payload: Mapping[str, object], *, request_id: str, fresh: bool, permit: Callable[[], None]
    ) -> Answer:
        """Post the payload and return the answer, whatever its status; Failure when there is none.

        The same id and payload are the same request to a gateway that leaves out repetitions. `permit` is
        asked last of all, and raises when nothing may be sent.
        """
        body = json.dumps(payload).encode()
        once = hashlib.sha256(request_id.encode("utf-8", "replace") + b"\0" + body).hexdigest()
        headers = {"Content-Type": "application/json", "Idempotency-Key": once, "X-Client-Request-Id": once}
        if self.endpoint.api_key:
            headers["Authorization"] = f"Bearer {self.endpoint.api_key}"
        permit()
        try:
            return self._transport.post(self.endpoint.post_url, body, headers, fresh=fresh)
        except TRANSPORT_ERRORS as error:
            raise Failure(classify_exception(error), describe_exception(error)) from error

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()
