"""A client of the service: create a job, follow its events, fetch its results. It knows HTTP and nothing else.

client = Client("http://127.0.0.1:8000", token="…")
job = client.optimize("Extract the order.", examples=[{"input": "…", "ideal": "…"}])
for event in client.events(job["job_id"]):
    print(event.type, event.data)
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import requests

TERMINAL = frozenset({"finished", "failed", "cancelled"})
LONGEST_WAIT_S = 10.0
NO_MORE_EVENTS = 204
TRY_AGAIN = frozenset({429, 502, 503, 504})

Json = dict[str, Any]  # Any: the service's JSON, described in docs/API.md


class ClientError(Exception):
    """Report an answer of the service that is an error, by its code; `details` are (path, message)."""

    def __init__(self, status: int, code: str, message: str, details: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__("; ".join([f"{code}: {message}", *(f"{path}: {said}" for path, said in details)]))
        self.status = status
        self.code = code
        self.details = tuple(details)


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a job."""

    id: int
    type: str
    ts: float
    data: Json


def _body(prompt: str | Mapping[str, str], examples: Sequence[Json], options: Mapping[str, object]) -> Json:
    given: Json = {"prompt": prompt} if isinstance(prompt, str) else {"prompts": dict(prompt)}
    return {**given, "examples": list(examples), **options}


class Client:
    """A connection to one server; close it, or use it in a `with` statement."""

    def __init__(self, url: str, token: str = "", *, timeout_s: float = 30.0) -> None:
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._session = requests.Session()
        self._session.trust_env = False  # a netrc entry would replace the token
        if token:
            self._session.headers["Authorization"] = f"Bearer {token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def optimize(
        self,
        prompt: str | Mapping[str, str],
        *,
        examples: Sequence[Json] = (),
        idempotency_key: str | None = None,
        **options: object,
    ) -> Json:
        """Create a job and return its state; `options` are further fields of the body (docs/API.md).

        For a program (`program_url`) the prompt may be its components by name.
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = _body(prompt, examples, options)
        return self._json("POST", "/v1/optimize", json=body, headers=headers)

    def quote(self, prompt: str | Mapping[str, str], *, examples: Sequence[Json] = (), **options: object) -> Json:
        """Return what the same job would take, without making it."""
        return self._json("POST", "/v1/optimize/quote", json=_body(prompt, examples, options))

    def job(self, job_id: str) -> Json:
        """Return the job's state."""
        return self._json("GET", f"/v1/optimize/{job_id}")

    def cancel(self, job_id: str) -> Json:
        """Cancel the job and return its state."""
        return self._json("DELETE", f"/v1/optimize/{job_id}")

    def stop(self, job_id: str) -> Json:
        """Have the job end soon with the best so far, and return its state."""
        return self._json("POST", f"/v1/optimize/{job_id}/stop")

    def resume(self, job_id: str, *, iterations: int | None = None, budget: Json | None = None) -> Json:
        """Have a terminal job go on, under larger limits if given, and return its state."""
        given = {"iterations": iterations, "budget": budget}
        body = {name: value for name, value in given.items() if value is not None}
        return self._json("POST", f"/v1/optimize/{job_id}/resume", json=body)

    def fork(self, job_id: str, *, idempotency_key: str | None = None, **options: object) -> Json:
        """Create a job that begins with a `candidate_id` of this one, or with all it knew as of an `event_id`.

        Without either it begins with what the job returned. `options` are further fields of the body (docs/API.md).
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", f"/v1/optimize/{job_id}/fork", json=options, headers=headers)

    def quote_fork(self, job_id: str, **options: object) -> Json:
        """Return what the same fork would take, without making it."""
        return self._json("POST", f"/v1/optimize/{job_id}/fork/quote", json=options)

    def compare(
        self,
        prompt: str,
        target_model_ids: Sequence[str],
        *,
        examples: Sequence[Json] = (),
        idempotency_key: str | None = None,
        **options: object,
    ) -> Json:
        """Create a job for each of the models, and return the state of their comparison."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        body = {**_body(prompt, examples, options), "target_model_ids": list(target_model_ids)}
        return self._json("POST", "/v1/comparisons", json=body, headers=headers)

    def comparison(self, comparison_id: str) -> Json:
        """Return what the targets of a comparison have come to, side by side."""
        return self._json("GET", f"/v1/comparisons/{comparison_id}")

    def candidates(self, job_id: str, *, nondominated: bool | None = None) -> list[Json]:
        """Return every candidate of the job, or those that no other, or another, dominates."""
        query = "" if nondominated is None else f"?nondominated={str(nondominated).lower()}"
        items: list[Json] = self._json("GET", f"/v1/optimize/{job_id}/candidates{query}")["items"]
        return items

    def artifact(self, job_id: str, name: str) -> str:
        """Return an artifact's text."""
        answer = self._request("GET", f"/v1/optimize/{job_id}/artifacts/{name}")
        return answer.content.decode()

    def pin(self, name: str, job_id: str, *, candidate_id: int | None = None) -> Json:
        """Have the name serve what the job returned, or that candidate of it, and return the active version."""
        body = {"job_id": job_id} if candidate_id is None else {"job_id": job_id, "candidate_id": candidate_id}
        return self._json("PUT", f"/v1/prompts/{name}", json=body)

    def prompt(self, name: str, *, version: int | None = None) -> Json:
        """Return the active version of a pinned prompt, or another one."""
        path = f"/v1/prompts/{name}" if version is None else f"/v1/prompts/{name}/versions/{version}"
        return self._json("GET", path, headers={"Accept": "application/json"})

    def prompt_versions(self, name: str) -> list[Json]:
        """Return every version of a pinned prompt without its text, newest first."""
        return list(self._items(f"/v1/prompts/{name}/versions"))

    def prompt_history(self, name: str) -> list[Json]:
        """Return which version of a pinned prompt was active when, latest first."""
        return list(self._items(f"/v1/prompts/{name}/history"))

    def rollback(self, name: str, version: int) -> Json:
        """Make a version of a pinned prompt the active one, and return it."""
        return self._json("POST", f"/v1/prompts/{name}/rollback", json={"version": version})

    def retest(self, name: str, *, idempotency_key: str | None = None, **options: object) -> Json:
        """Create a job that tests the active version of a pinned prompt again, and return its state.

        `options` are fields of the body; without `examples` the new ones of the bank are taken (docs/API.md).
        """
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._json("POST", f"/v1/prompts/{name}/retest", json=options, headers=headers)

    def retests(self, name: str) -> list[Json]:
        """Return the re-tests of a pinned prompt, newest first."""
        return list(self._items(f"/v1/prompts/{name}/retests"))

    def unpin(self, name: str) -> None:
        """Delete a pinned prompt with all its versions."""
        self._request("DELETE", f"/v1/prompts/{name}")

    def wait(self, job_id: str) -> Json:
        """Follow the job to its end and return its state."""
        for _ in self.events(job_id):
            pass
        return self.job(job_id)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the job's events with ids above `after`, each once, over as many connections as it takes."""
        wait_s = 0.0
        while True:
            time.sleep(wait_s)
            before = after
            try:
                with self._stream(job_id, after) as answer:
                    if answer.status_code == NO_MORE_EVENTS:
                        return
                    for event in read_events(answer.iter_lines()):
                        after = event.id
                        yield event
            except requests.RequestException:
                pass  # the connection is lost; the next one begins after the last event
            except ClientError as error:
                if error.status not in TRY_AGAIN:
                    raise
            wait_s = 0.0 if after > before else min(2 * wait_s + 0.5, LONGEST_WAIT_S)

    def _stream(self, job_id: str, after: int) -> requests.Response:
        headers = {"Last-Event-ID": str(after)} if after else {}
        return self._request("GET", f"/v1/optimize/{job_id}/events", headers=headers, stream=True)

    def _items(self, path: str) -> Iterator[Json]:
        query: dict[str, str] = {}
        while True:
            page = self._json("GET", path, params=query)
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            query = {"cursor": page["next_cursor"]}

    def _json(self, method: str, path: str, **options: Any) -> Json:  # Any: passed on to requests
        answer: Json = self._request(method, path, **options).json()
        return answer

    def _request(self, method: str, path: str, **options: Any) -> requests.Response:  # Any: passed on to requests
        answer = self._session.request(
            method, self._url + path, timeout=self._timeout_s, allow_redirects=False, **options
        )  # fmt: skip
        if not answer.ok or answer.is_redirect:
            raise _error(answer)
        return answer


def read_events(lines: Iterator[bytes]) -> Iterator[Event]:
    """Yield the events of a stream's lines; comments and fields without data are left out."""
    data = b""
    for line in lines:
        if line.startswith(b"data:"):
            data = line[5:].strip()
        elif not line and data:
            found = json.loads(data)
            yield Event(id=found["id"], type=found["type"], ts=found["ts"], data=found["data"])
            data = b""


def _error(answer: requests.Response) -> ClientError:
    try:
        error = answer.json()["error"]
        details = [(str(each["path"]), str(each["message"])) for each in error["details"]]
        return ClientError(answer.status_code, str(error["code"]), str(error["message"]), details)
    except (ValueError, KeyError, TypeError):
        return ClientError(answer.status_code, "not_gepa_next", f"HTTP {answer.status_code} without our error shape")
