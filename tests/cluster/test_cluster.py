"""Jobs whose requests and metrics run on a cluster of real processes, some of which die over them."""

import json
import logging
from collections.abc import Iterator
from contextlib import closing
from operator import add
from pathlib import Path

import pytest

from gepa_next.cluster import Cluster, perform
from gepa_next.elsewhere import NotDone
from tests.cluster.machines import Machines, opened_machines, served_models
from tests.support.service import Service, open_service

JOB = {
    "metric": [{"name": "judge", "weight": 0.5}, {"name": "token_f1", "weight": 0.5}],
    "examples": [{"id": f"e{n}", "input": f"{n} + {n}", "ideal": str(2 * n)} for n in range(1, 13)],
    "iterations": 2,
    "population": 2,
    "minibatch": 2,
    "seed": 5,
}
MODELS = {
    "target_model_default": "acme/target",
    "judge_model_id": "acme/judge",
    "reflection_model_id": "acme/reflector",
}
ONES_OWN = {"by_role", "artifacts"}


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    with opened_machines(tmp_path_factory.mktemp("cluster"), workers=2) as machines:
        yield machines


def ending(service: Service, job_id: str) -> tuple[object, ...]:
    """Return what does not depend on where the job ran."""
    client = service.client()
    state = client.get(f"/v1/optimize/{job_id}").json
    result = {name: value for name, value in state["result"].items() if name not in ONES_OWN}
    told = client.get(f"/v1/optimize/{job_id}/artifacts/rollouts.jsonl").text.splitlines()
    rollouts = [{**json.loads(line), "flags": None} for line in sorted(told)]  # one says `possibly_billed`
    return state["status"], result, client.get(f"/v1/optimize/{job_id}/candidates").json["items"], rollouts


def finished(folder: Path, url: str, **settings: object) -> tuple[Service, str]:
    folder.mkdir()
    service = open_service(folder, llm_base_url=url, **MODELS, **settings)
    return service, service.finished_job(**JOB)


def test_a_job_whose_workers_are_killed_ends_as_one_that_ran_on_the_box(machines: Machines, tmp_path: Path) -> None:
    def kill_and_replace(count: int) -> None:
        if count in (12, 30):
            machines.kill({12: 1, 30: 2}[count])
            machines.start_worker()

    with served_models() as models:
        service, job_id = finished(tmp_path / "box", models.url)
        with closing(service):
            here = ending(service, job_id)
    with served_models(kill_and_replace) as models:
        service, job_id = finished(tmp_path / "cluster", models.url, dask_scheduler=machines.address)
        with closing(service):
            assert ending(service, job_id) == here
            calls = service.client().get(f"/v1/optimize/{job_id}").json["usage"]["calls"]
        assert calls == models.count  # also what the dead ones had sent


def test_work_that_was_begun_once_says_so(machines: Machines) -> None:
    with closing(Cluster(machines.address)) as cluster:
        done = cluster(add, 1, 2, lasts_s=10.0)
    assert (done.result, done.begun) == (3, 1)


def test_what_a_worker_cannot_do_is_not_done(machines: Machines) -> None:
    with closing(Cluster(machines.address)) as cluster, pytest.raises(NotDone, match="the cluster: ") as caught:
        cluster(perform, "0.0", "name", add, 1, 2, lasts_s=10.0)
    assert "a worker has gepa-next" in str(caught.value)


def test_a_scheduler_that_is_not_there_is_said_to_be_away() -> None:
    with closing(Cluster("tcp://127.0.0.1:9", connect_s=0.2)) as cluster, pytest.raises(NotDone) as caught:
        cluster(add, 1, 2, lasts_s=1.0)
    assert caught.value.begun == 0


@pytest.fixture
def theirs() -> Iterator[list[logging.LogRecord]]:
    """What distributed itself logs."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = records.append
    loggers = [logging.getLogger(name) for name in ("distributed", "distributed.client")]
    for each in loggers:
        each.addHandler(handler)
    yield records
    for each in loggers:
        each.removeHandler(handler)


def test_a_scheduler_that_goes_is_told_of_in_one_line_of_ours(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, theirs: list[logging.LogRecord]
) -> None:
    caplog.set_level(logging.WARNING)
    with opened_machines(tmp_path, workers=1) as machines, closing(Cluster(machines.address, connect_s=0.5)) as cluster:
        assert cluster(add, 1, 2, lasts_s=10.0).result == 3
        machines.kill(0)
        for _ in range(3):
            with pytest.raises(NotDone, match="the cluster: "):
                cluster(add, 1, 2, lasts_s=10.0)
    ours = [record.message for record in caplog.records if record.name == "gepa_next.cluster"]
    assert ours == [f"the connection to the cluster at {machines.address} is lost"]
    assert theirs == []
