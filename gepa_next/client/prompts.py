"""Pinned prompts: have a name serve a prompt, read it, test it again, go back."""

from collections.abc import Iterator
from typing import Unpack

from gepa_next.client.answers import Activation, PinnedPrompt, Retest
from gepa_next.client.connection import Connection, segment
from gepa_next.client.jobs import key_header
from gepa_next.client.options import RetestOptions
from gepa_next.client.states import Job


class Prompts(Connection):
    """The part of the client that deals with pinned prompts."""

    def pin(self, name: str, job_id: str, *, candidate_id: int | None = None) -> PinnedPrompt:
        """Have the name serve what the job returned, or that candidate of it, and return the active version."""
        body = {"job_id": job_id} if candidate_id is None else {"job_id": job_id, "candidate_id": candidate_id}
        return self._read(PinnedPrompt, "PUT", _path(name), json=body)

    def prompt(self, name: str, *, version: int | None = None) -> PinnedPrompt:
        """Return the active version of a pinned prompt, or another one."""
        path = _path(name) if version is None else _path(name, "versions", str(version))
        return self._read(PinnedPrompt, "GET", path, headers={"Accept": "application/json"})

    def prompts(self) -> Iterator[PinnedPrompt]:
        """Yield the active version of every pinned prompt, by name."""
        return self._pages(PinnedPrompt, "/v1/prompts", None)

    def prompt_versions(self, name: str) -> list[PinnedPrompt]:
        """Return every version of a pinned prompt without its text, newest first."""
        return list(self._pages(PinnedPrompt, _path(name, "versions"), None))

    def prompt_history(self, name: str) -> list[Activation]:
        """Return which version of a pinned prompt was active when, latest first."""
        return list(self._pages(Activation, _path(name, "history"), None))

    def rollback(self, name: str, version: int) -> PinnedPrompt:
        """Make a version of a pinned prompt the active one, and return it."""
        return self._read(PinnedPrompt, "POST", _path(name, "rollback"), json={"version": version})

    def retest(self, name: str, *, idempotency_key: str | None = None, **options: Unpack[RetestOptions]) -> Job:
        """Create a job that tests the active version of a pinned prompt again, and return its state.

        Without `examples` the new ones of the bank are taken.
        """
        return self._read(
            Job, "POST", _path(name, "retest"), json=options, headers=key_header(idempotency_key)
        )  # fmt: skip

    def retests(self, name: str) -> list[Retest]:
        """Return the re-tests of a pinned prompt, newest first."""
        return list(self._pages(Retest, _path(name, "retests"), None))

    def unpin(self, name: str) -> None:
        """Delete a pinned prompt with all its versions."""
        self._request("DELETE", _path(name))


def _path(name: str, *rest: str) -> str:
    return "/".join(["/v1/prompts", segment(name), *rest])
