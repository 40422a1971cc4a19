"""A server that is started again with another judge mixes no scores."""

import requests

from tests.e2e.processes import AUTHORIZED, TIMEOUT_S, Server

OTHER_JUDGE = {"JUDGE_MODEL_ID": "acme/moody-judge"}  # as good as the first, in what this job asks


def resume(server: Server, job_id: str) -> requests.Response:
    return requests.post(f"{server.url}/v1/optimize/{job_id}/resume", headers=AUTHORIZED, timeout=TIMEOUT_S)


def test_a_job_waits_for_the_judge_that_it_began_with(serve, provider) -> None:
    first = serve(**provider.variables)
    job_id = first.create()
    provider.wait_for_calls()
    judge = first.state(job_id)["judge"]
    first.stop()
    provider.open_gate()

    second = serve(**{**provider.variables, **OTHER_JUDGE})
    assert second.events(job_id)[-1].type == "failed"
    found = second.state(job_id)
    assert (found["error"]["code"], found["judge"]) == ("judge_changed", judge)
    answer = resume(second, job_id)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "not_resumable")
    assert "JUDGE_MODEL_ID=acme/judge" in answer.json()["error"]["message"]
    second.stop()

    third = serve(**provider.variables)
    assert resume(third, job_id).status_code == 202
    assert third.events(job_id)[-1].type == "finished"
    assert third.state(job_id)["judge"] == judge
