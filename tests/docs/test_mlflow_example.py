"""What the example for MLflow takes from a job; docs/mlflow.md says how what it asks of MLflow was tried."""

import importlib.util
import sys
from contextlib import closing
from types import ModuleType

import pytest

from gepa_next.client import Client
from tests.docs.pages import ROOT
from tests.support.service import EXAMPLES, TOKEN, open_service


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import the script where there is no MLflow; nothing here goes on to it."""
    absent = ModuleType("mlflow")
    absent.MlflowClient = None
    entities = ModuleType("mlflow.entities")
    entities.Metric = entities.Param = None
    monkeypatch.setitem(sys.modules, "mlflow", absent)
    monkeypatch.setitem(sys.modules, "mlflow.entities", entities)
    spec = importlib.util.spec_from_file_location("mlflow_import", ROOT / "docs/examples/mlflow_import.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_job_is_told_by_iteration_and_by_its_held_out_test(script, tmp_path) -> None:
    examples = [{**EXAMPLES[n % 6], "id": f"e{n}", "input": f"{n} + {n}"} for n in range(18)]
    with closing(open_service(tmp_path)) as service:
        job_id = service.finished_job(examples=examples, iterations=2, metadata={"team": "support"})
        with service.served() as url, Client(url, token=TOKEN) as client:
            job = client.job(job_id)
            metrics = list(script.metrics_of(job, client.events(job_id)))
    steps = [(value, step) for name, value, _, step in metrics if name == "best_score"]
    assert [step for _, step in steps] == [0, *range(1, job.iteration + 1)]
    assert (steps[0][0], steps[-1][0]) == (job.seed_score, job.best_score)
    assert all(1000 * job.started_at - 1 <= at <= 1000 * job.finished_at + 1 for _, _, at, _ in metrics)
    last = {name: value for name, value, _, _ in metrics}
    assert (last["test.difference"], last["test.n"]) == (job.result.test.difference, job.result.test.n)
    assert (last["test.low"], last["test.high"]) == job.result.test.interval
    parameters = script.parameters_of(job)
    assert parameters["judge_fingerprint"] == job.judge.fingerprint
    assert (parameters["split.test"], parameters["metadata.team"]) == ("6", "support")
    assert script.tags_of(job)["gepa_next.simulated"] == "true"


def test_a_job_without_a_result_is_told_as_far_as_it_came(script, tmp_path) -> None:
    with closing(open_service(tmp_path)) as service:
        job_id = service.create()
        service.client().delete(f"/v1/optimize/{job_id}")
        with service.served() as url, Client(url, token=TOKEN) as client:
            job = client.job(job_id)
            names = {name for name, *_ in script.metrics_of(job, client.events(job_id))}
    assert names == {"tokens.input", "tokens.output"}
    assert list(script.register("tickets", job)) == []
    assert "gepa_next.verdict" not in script.tags_of(job)
