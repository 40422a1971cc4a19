"""What the log says of a job, from its claim to its end, and by whose request it was made."""

from contextlib import closing
from pathlib import Path
from typing import Any

from gepa_next.errors import ProviderError
from gepa_next.gepa.types import Completion, ModelCall
from gepa_next.llm.simulator import Simulator
from gepa_next.store.database import Database
from tests.runner.running import come_true, running
from tests.store.jobs_on_file import insert
from tests.support.log_lines import Lines, log_lines
from tests.support.service import SMALL_JOB, open_service


def of_the_runner(lines: Lines) -> list[dict[str, Any]]:
    return [line for line in lines() if line["logger"].startswith("gepa_next.runner.")]


def says(lines: Lines, message: str) -> bool:
    return message in {line["message"] for line in lines()}


def test_the_lines_of_a_job_name_it_and_the_request_that_made_it(tmp_path: Path) -> None:
    with closing(open_service(tmp_path)) as service, log_lines() as lines:
        made = service.client().post("/v1/optimize", json=SMALL_JOB, headers={"X-Request-ID": "mine-1"})
        job_id = made.json["job_id"]
        service.run(job_id)
        come_true(lambda: says(lines, f"job {job_id}: finished"))
        told = of_the_runner(lines)
    assert [line["message"] for line in told] == [f"job {job_id}: claimed", f"job {job_id}: finished"]
    assert {(line["job_id"], line["request_id"]) for line in told} == {(job_id, "mine-1")}


def test_a_failed_job_is_told_by_its_code_alone_for_what_a_provider_says_may_quote_the_prompt(
    database: Database,
) -> None:
    def refuse(_: ModelCall) -> Completion:
        raise ProviderError("provider_auth", "who said canary?")

    insert(database)
    with log_lines() as lines, running(database, refuse):
        come_true(lambda: says(lines, "job job-1: failed, provider_auth"))
    assert "canary" not in str(lines())


def test_what_is_logged_of_nobodys_request_names_none(database: Database) -> None:
    insert(database)
    with log_lines() as lines, running(database, Simulator()):
        come_true(lambda: says(lines, "job job-1: finished"))
    assert not [line for line in lines() if "request_id" in line]
