"""What a finished job leaves behind, for whoever checks it elsewhere."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.service import Service, open_service

Files = dict[str, bytes]
NAMES = ("receipt.json", "events.jsonl", "calls.jsonl", "rollouts.jsonl", "candidates.jsonl")


@pytest.fixture(scope="package")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with closing(open_service(tmp_path_factory.mktemp("receipts"))) as opened:
        yield opened


@pytest.fixture(scope="package")
def files(service: Service) -> Files:
    return files_of(service, service.finished_job(split={"train": 2, "val": 2, "test": 2}))


def files_of(service: Service, job_id: str) -> Files:
    """Return artifacts of the job by name."""
    client = service.client()
    return {name: client.get(f"/v1/optimize/{job_id}/artifacts/{name}").data for name in NAMES}
