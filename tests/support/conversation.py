"""Every example of the description, sent to a live service in an order in which it works."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from gepa_next.api.bank.exporting import FORMATS
from gepa_next.api.description.document import document
from gepa_next.api.description.operations import OPERATIONS
from gepa_next.api.description.parameters import COMPARISON_ID, FORMAT, JOB_ID, LIMIT
from gepa_next.api.description.samples import read_requests
from gepa_next.api.evidence.artifacts import ARTIFACTS
from tests.support.service import Service

ORDER = ("put", "post", "get", "delete")


@dataclass(frozen=True)
class Exchange:
    """One request of the description, and what it was answered."""

    operation: tuple[str, str]
    kind: str | None
    sent: str
    answer: TestResponse


class Conversation:
    """Sends what the description shows; what it addresses by an id that is shown is made first."""

    def __init__(self, service: Service) -> None:
        self.client = service.client()
        self.draining = service.parts.draining
        self.folder = service.database.path.parent
        with_limits = list(read_requests()["OptimizeBody"].values())[1]
        self.job_id = service.finished_job(**with_limits)
        self._fill_bank()
        self.real = {str(JOB_ID.example): self.job_id}

    def _fill_bank(self) -> None:
        for value in read_requests()["ExampleBody"].values():
            assert self.client.post("/v1/examples", json=value).status_code in {200, 201}

    def exchanges(self) -> Iterator[Exchange]:
        """Yield each exchange: first what makes something, at last what deletes."""
        for operation in sorted(OPERATIONS, key=lambda each: ORDER.index(each[0])):
            for kind, sent in self._bodies(operation):
                yield from self._asked(operation, kind, sent)

    def _bodies(self, operation: tuple[str, str]) -> Iterator[tuple[str | None, str]]:
        described = _described(operation).get("requestBody")
        if described is None:
            yield None, ""
            return
        if not described["required"]:
            yield None, ""
        for kind, media in described["content"].items():
            for example in media["examples"].values():
                value = example["value"]
                yield kind, value if kind != "application/json" else json.dumps(value)

    def _asked(self, operation: tuple[str, str], kind: str | None, sent: str) -> Iterator[Exchange]:
        path = self._path(operation)
        headers = {
            each.name: f"{each.example}-{operation[1]}-{len(sent)}"
            for each in OPERATIONS[operation].parameters
            if each.name == "Idempotency-Key"
        }
        again = operation[0] == "put" or bool(headers)
        for _ in range(1 + again):
            answer = self.client.open(
                path, method=operation[0].upper(), data=self._with_real_ids(sent), content_type=kind, headers=headers
            )
            yield Exchange(operation, kind, sent, answer)
        yield from self._variants(operation, path, answer)

    def _variants(self, operation: tuple[str, str], path: str, answer: TestResponse) -> Iterator[Exchange]:
        """Yield what is asked for in another way: unchanged, at its end, as JSON, every artifact, while it stops."""
        asked: list[tuple[str, dict[str, str]]] = []
        if operation[0] == "get" and "304" in _described(operation)["responses"]:
            asked.append((path, {"If-None-Match": answer.headers["ETag"]}))
        if path.endswith("/events"):
            asked.append((path, {"Last-Event-ID": "1000000"}))
        if "text/plain" in _content(operation, 200) and "application/json" in _content(operation, 200):
            asked.append((path, {"Accept": "application/json"}))
        if FORMAT in OPERATIONS[operation].parameters:
            asked += [(f"{path.partition('?')[0]}?format={name}", {}) for name in FORMATS]
        if operation[1].endswith("/artifacts/{name}"):
            asked += [(path.replace("prompt.txt", name), {}) for name in ARTIFACTS]
        for where, headers in asked:
            yield Exchange(operation, None, "", self.client.get(where, headers=headers))
        if path.endswith("/readyz"):
            yield Exchange(operation, None, "", self._asked_while_draining(path))

    def _asked_while_draining(self, path: str) -> TestResponse:
        self.draining.set()
        try:
            return self.client.get(path)
        finally:
            self.draining.clear()

    def _path(self, operation: tuple[str, str]) -> str:
        self._prepare(operation)
        path = operation[1]
        for each in OPERATIONS[operation].parameters:
            path = path.replace(f"{{{each.name}}}", str(each.example))
        page = "?limit=1" if LIMIT in OPERATIONS[operation].parameters else ""
        return self._with_real_ids(path) + page

    def _prepare(self, operation: tuple[str, str]) -> None:
        """Make what the operation can be asked of, where a finished job is not right."""
        method, path = operation
        prompt = {"prompt": "Which team?"}
        ends = method == "delete" or path.endswith("/stop")
        if path.endswith("/resume") or (ends and "{job_id}" in path):
            made = self.client.post("/v1/optimize", json=prompt).json["job_id"]
            if path.endswith("/resume"):
                assert self.client.delete(f"/v1/optimize/{made}").status_code == 200
            self.real[str(JOB_ID.example)] = made
        else:
            self.real[str(JOB_ID.example)] = self.job_id
        if "{comparison_id}" in path and str(COMPARISON_ID.example) not in self.real:
            body = next(iter(read_requests()["ComparisonBody"].values()))
            self.real[str(COMPARISON_ID.example)] = self.client.post("/v1/comparisons", json=body).json["comparison_id"]

    def _with_real_ids(self, text: str) -> str:
        for shown, real in self.real.items():
            text = text.replace(shown, real)
        return text


def _described(operation: tuple[str, str]) -> Mapping[str, Any]:
    method, path = operation
    found: Mapping[str, Any] = document()["paths"][path][method]
    return found


def _content(operation: tuple[str, str], status: int) -> Mapping[str, Any]:
    return _described(operation)["responses"].get(str(status), {}).get("content", {})
