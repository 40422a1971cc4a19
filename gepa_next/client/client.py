"""All of the client."""

from typing import Self

from gepa_next.client.bank import Bank
from gepa_next.client.comparisons import Comparisons
from gepa_next.client.jobs import Jobs
from gepa_next.client.prompts import Prompts


class Client(Jobs, Comparisons, Prompts, Bank):
    """A connection to one server; close it, or use it in a `with` statement.

    A busy server (429, 503) is waited for up to `patience_s`, by its `Retry-After`; so is one that is gone, if it has
    answered before and the request changes nothing. `on_wait` is told of each pause: the error and the seconds.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
