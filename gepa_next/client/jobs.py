"""Jobs: create them, follow them, end them, and read what they came to."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Unpack

import requests

from gepa_next.client.answers import Artifact, Candidate, Quote, StreamToken
from gepa_next.client.connection import Connection, segment
from gepa_next.client.errors import NoServerError
from gepa_next.client.following import ended_early, stream_events
from gepa_next.client.options import ExampleOptions, ForkOptions, Json, LimitOptions, OptimizeOptions
from gepa_next.client.states import Event, Job

Examples = Sequence[ExampleOptions | Mapping[str, object]]


class Jobs(Connection):
    """The part of the client that deals with jobs."""

    def optimize(
        self,
        prompt: str | None = None,
        *,
        prompts: Mapping[str, str] | None = None,
        examples: Examples = (),
        idempotency_key: str | None = None,
        **options: Unpack[OptimizeOptions],
    ) -> Job:
        """Create a job and return its state; of a program, `prompts` are its components by name."""
        body = _body(prompt, prompts, examples, options)
        return self._read(Job, "POST", "/v1/optimize", json=body, headers=key_header(idempotency_key))

    def quote(
        self,
        prompt: str | None = None,
        *,
        prompts: Mapping[str, str] | None = None,
        examples: Examples = (),
        **options: Unpack[OptimizeOptions],
    ) -> Quote:
        """Return what the same job would take, without making it."""
        return self._read(Quote, "POST", "/v1/optimize/quote", json=_body(prompt, prompts, examples, options))

    def job(self, job_id: str) -> Job:
        """Return the job's state."""
        return self._read(Job, "GET", _path(job_id))

    def jobs(self, *, status: str | None = None, limit: int | None = None) -> Iterator[Job]:
        """Yield this token's jobs, newest first: those of a status, and so many at most, if that is said."""
        return self._pages(Job, "/v1/optimize", limit, status=status)

    def cancel(self, job_id: str) -> Job:
        """Cancel the job and return its state."""
        return self._read(Job, "DELETE", _path(job_id))

    def stop(self, job_id: str) -> Job:
        """Have the job end soon with the best so far, and return its state."""
        return self._read(Job, "POST", _path(job_id, "stop"))

    def resume(self, job_id: str, *, iterations: int | None = None, budget: LimitOptions | None = None) -> Job:
        """Have a terminal job go on, under larger limits if given, and return its state."""
        given = {"iterations": iterations, "budget": budget}
        body = {name: value for name, value in given.items() if value is not None}
        return self._read(Job, "POST", _path(job_id, "resume"), json=body)

    def fork(self, job_id: str, *, idempotency_key: str | None = None, **options: Unpack[ForkOptions]) -> Job:
        """Create a job that begins with a `candidate_id` of this one, or with all it knew as of an `event_id`.

        Without either it begins with what the job returned.
        """
        headers = key_header(idempotency_key)
        return self._read(Job, "POST", _path(job_id, "fork"), json=options, headers=headers)

    def quote_fork(self, job_id: str, **options: Unpack[ForkOptions]) -> Quote:
        """Return what the same fork would take, without making it."""
        return self._read(Quote, "POST", _path(job_id, "fork/quote"), json=options)

    def candidates(self, job_id: str, *, nondominated: bool | None = None) -> list[Candidate]:
        """Return every candidate of the job, or those that no other, or another, dominates."""
        query = {} if nondominated is None else {"nondominated": str(nondominated).lower()}
        return self._list(Candidate, _path(job_id, "candidates"), params=query)

    def artifacts(self, job_id: str) -> list[Artifact]:
        """Return the index of the job's artifacts."""
        return self._list(Artifact, _path(job_id, "artifacts"))

    def artifact(self, job_id: str, name: str) -> str:
        """Return an artifact's text."""
        return self._request("GET", f"{_path(job_id, 'artifacts')}/{segment(name)}").content.decode(errors="replace")

    def stream_token(self, job_id: str) -> StreamToken:
        """Return what opens the event stream of the job without a header."""
        return self._read(StreamToken, "POST", _path(job_id, "stream-token"))

    def wait(self, job_id: str) -> Job:
        """Follow the job to its end and return its state."""
        for _ in self.events(job_id):
            pass
        return self.job(job_id)

    def events(self, job_id: str, *, after: int = 0) -> Iterator[Event]:
        """Yield the job's events with ids above `after`, each once, over as many connections as it takes."""
        patience = self._patience()
        while True:
            before, lost = after, ended_early(self._url)
            try:
                with self._stream(job_id, after) as answer:
                    if answer.status_code == requests.codes.no_content:
                        return
                    patience.meet()
                    for event in _newer(stream_events(answer), after):
                        patience.renew()
                        after = event.id
                        yield event
            except NoServerError as error:
                if not self._may_come_back(error):
                    raise
                lost = error
            else:
                if after > before:
                    continue
            patience.wait(lost)

    def _stream(self, job_id: str, after: int) -> requests.Response:
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if after:
            headers["Last-Event-ID"] = str(after)
        return self._request("GET", _path(job_id, "events"), headers=headers, stream=True)


def _newer(events: Iterator[Event], after: int) -> Iterator[Event]:
    for event in events:
        if event.id > after:
            after = event.id
            yield event


def key_header(idempotency_key: str | None) -> Json:
    """Return the header for an idempotency key, if there is one."""
    return {"Idempotency-Key": idempotency_key} if idempotency_key else {}


def _path(job_id: str, *rest: str) -> str:
    return "/".join(["/v1/optimize", segment(job_id), *rest])


def _body(
    prompt: str | None, prompts: Mapping[str, str] | None, examples: Examples, options: Mapping[str, object]
) -> Json:
    given = {"prompt": prompt, "prompts": prompts and dict(prompts)}
    return {
        **{name: value for name, value in given.items() if value is not None},
        "examples": list(examples),
        **options,
    }
