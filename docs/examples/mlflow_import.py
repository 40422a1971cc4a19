"""Log a job of gepa-next to MLflow: parameters, scores by iteration, files, and the prompt in its registry.

pip install mlflow, beside gepa-next; then python docs/examples/mlflow_import.py JOB_ID --prompt tickets

The server of gepa-next is GEPA_NEXT_URL with GEPA_NEXT_TOKEN, that of MLflow MLFLOW_TRACKING_URI. docs/mlflow.md says
what is logged where.
"""

import argparse
import json
import os
from collections.abc import Iterator, Mapping

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param

from gepa_next.client import Client, Event, Job

LONGEST_PARAMETER = 6000  # characters, which is MLflow's own limit
LARGEST_FILE = 50_000_000  # bytes
ENDED = {"finished": "FINISHED", "failed": "FAILED", "cancelled": "KILLED"}
BY_ITERATION = ("best_score", "rollouts", "calls", "cost_usd", "lessons")


def main() -> None:
    """Log one job, unless it is there already."""
    options = parsed()
    url, token = os.environ.get("GEPA_NEXT_URL", "http://127.0.0.1:8000"), os.environ.get("GEPA_NEXT_TOKEN")
    with Client(url, token=token) as client:
        job, mlflow_client = client.job(options.job), MlflowClient()
        if not job.is_over:
            raise SystemExit(f"the job is {job.status}; log it when it has ended")
        experiment_id = mlflow.set_experiment(options.experiment).experiment_id
        if mlflow_client.search_runs([experiment_id], f"tags.`gepa_next.job_id` = '{job.job_id}'"):
            raise SystemExit(f"the experiment {options.experiment} has a run of job {job.job_id}")
        run_id = log_run(mlflow_client, experiment_id, client, job)
        print(f"run {run_id} in experiment {options.experiment}")
        for name, version in register(options.prompt, job):
            print(f"prompt {name}, version {version}")


def parsed() -> argparse.Namespace:
    """Return what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", help="the job's id")
    parser.add_argument("--experiment", default="gepa-next", help="the experiment of MLflow, made if need be")
    parser.add_argument("--prompt", help="register the prompt of the result under this name")
    return parser.parse_args()


def log_run(mlflow_client: MlflowClient, experiment_id: str, client: Client, job: Job) -> str:
    """Make a run with the job's own times, and return its id."""
    start = milliseconds(job.started_at or job.created_at)
    run = mlflow_client.create_run(
        experiment_id, start_time=start, tags=tags_of(job), run_name=f"gepa-next {job.job_id}"
    )
    run_id = run.info.run_id
    parameters = [Param(name, value[:LONGEST_PARAMETER]) for name, value in parameters_of(job).items()]
    metrics = [Metric(*each) for each in metrics_of(job, client.events(job.job_id))]
    mlflow_client.log_batch(run_id, params=parameters)
    for place in range(0, len(metrics), 1000):  # MLflow takes a thousand at once
        mlflow_client.log_batch(run_id, metrics=metrics[place : place + 1000])
    for each in client.artifacts(job.job_id):
        if each.bytes <= LARGEST_FILE:
            mlflow_client.log_text(run_id, client.artifact(job.job_id, each.name), each.name)
    mlflow_client.set_terminated(run_id, ENDED[job.status], milliseconds(job.finished_at))
    return run_id


def tags_of(job: Job) -> dict[str, str]:
    """Return what runs are found by."""
    tags = {"gepa_next.job_id": job.job_id, "gepa_next.simulated": str(job.simulated).lower()}
    if job.result is not None:
        tags |= {"gepa_next.verdict": job.result.verdict, "mlflow.note.content": job.result.says}
    return tags


def parameters_of(job: Job) -> dict[str, str]:
    """Return what was asked for, as texts."""
    judge = {"judge": job.judge.model_id, "judge_fingerprint": job.judge.fingerprint} if job.judge else {}
    given = {
        "target": job.program_url or job.target_model_id,
        **judge,
        "metric": job.metric,
        "seed": job.seed,
        "iterations": job.iterations,
        **{f"split.{name}": size for name, size in job.split.items()},
        **{f"budget.{name}": limit for name, limit in job.raw["budget"].items() if limit is not None},
        **{f"metadata.{name}": value for name, value in job.metadata.items()},
    }
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in given.items()}


def metrics_of(job: Job, events: Iterator[Event]) -> Iterator[tuple[str, float, int, int]]:
    """Yield name, value, time in milliseconds and step: by iteration, and at the end what the result says."""
    for event in events:
        if event.data.get("stage") in {"seed", "iteration"}:
            step = event.data["iteration"] if event.data["stage"] == "iteration" else 0
            for name in BY_ITERATION:
                if (value := event.data.get(name)) is not None:
                    yield name, float(value), milliseconds(event.ts), step
    for name, value in final_numbers(job).items():
        if value is not None:
            yield name, float(value), milliseconds(job.finished_at), job.iteration


def final_numbers(job: Job) -> Mapping[str, float | None]:
    """Return what the job came to; nothing of the test where none was held out."""
    numbers: dict[str, float | None] = {
        "tokens.input": job.usage.input_tokens,
        "tokens.output": job.usage.output_tokens,
    }
    if job.result is not None:
        numbers |= {"final.score": job.result.score, "final.seed_score": job.result.seed_score}
        if (test := job.result.test) is not None:
            low, high = test.interval or (None, None)
            numbers |= {"test.difference": test.difference, "test.low": low, "test.high": high, "test.n": test.n}
            numbers |= {"test.wins": test.wins, "test.losses": test.losses, "test.p_value": test.p_value}
    return numbers


def register(name: str | None, job: Job) -> Iterator[tuple[str, int]]:
    """Register the prompt, of a program each component, and yield name and version."""
    if name is None or job.result is None:
        return
    texts = {f"{name}-{part}": text for part, text in job.result.prompts.items()} or {name: job.result.prompt}
    for each, text in texts.items():
        found = mlflow.genai.register_prompt(
            name=each, template=text, commit_message=job.result.says, tags=tags_of(job)
        )
        yield each, int(found.version)


def milliseconds(epoch_s: float | None) -> int:
    """Return a time as MLflow counts it."""
    return int(1000 * (epoch_s or 0.0))


if __name__ == "__main__":
    main()
