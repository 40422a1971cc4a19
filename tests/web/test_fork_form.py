"""The form for a fork of a job: the quote first, then the job that begins with what the other has come to."""

import re
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.service import OTHER_TOKEN, Service, open_service

HERE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture(scope="module")
def done(tmp_path_factory) -> Iterator[Service]:
    with closing(open_service(tmp_path_factory.mktemp("fork"))) as service:
        service.finished_job()
        yield service


@pytest.fixture(scope="module")
def path(done) -> str:
    return f"/jobs/{done.client().get('/v1/optimize').json['items'][0]['job_id']}/fork"


def send(client, path, act="quote", **form):
    return client.post(path, data={**form, "act": act}, headers=HERE)


def test_a_fork_is_quoted_and_then_made(done, path) -> None:
    client, form = done.client(), {"candidate_id": "0", "iterations": "2", "budget.max_calls": "900"}
    quoted = send(client, path, **form)
    assert "Start the fork" in quoted.text
    hidden = dict(re.findall(r'<input type="hidden" name="(quoted|key)" value="([^"]*)">', quoted.text))
    made = client.get(
        f"/v1/optimize/{send(client, path, 'start', **form, **hidden).location.removeprefix('/jobs/')}"
    ).json
    assert f"/jobs/{made['forked_from']['job_id']}/fork" == path
    assert (made["forked_from"]["candidate_id"], made["iterations"]) == (0, 2)
    assert made["budget"]["max_calls"] == 900


def test_what_cannot_be_forked_is_said_at_its_field(done, path) -> None:
    answer = send(done.client(), path, candidate_id="99")
    assert answer.status_code == 422
    assert re.search(r'name="candidate_id" aria-invalid="true"', answer.text)
    assert "the job has no candidate 99" in answer.text


def test_what_is_left_empty_is_shown_as_it_is_in_the_job(done, path) -> None:
    text = done.client().get(path).text
    assert re.search(r'name="target_model_id"[^>]*placeholder="sim/target"', text)
    assert re.search(r'name="iterations"[^>]*placeholder="1"', text)


def test_another_token_forks_nothing(done, path) -> None:
    stranger = done.client(OTHER_TOKEN)
    assert stranger.get(path).status_code == 404
    assert send(stranger, path).status_code == 404
