"""What the client makes of answers: the service's, a newer one's, and those of servers that are something else."""

import subprocess
import sys
from dataclasses import fields
from typing import get_type_hints

import pytest

from gepa_next.api.comparisons.shapes import ComparisonBody
from gepa_next.api.comparisons.states import ComparedState, ComparisonQuoteState, ComparisonState, DifferenceState
from gepa_next.api.forks.shapes import ForkBody
from gepa_next.api.jobs.quote_state import QuoteState, RoleCallState, SmallestGainState
from gepa_next.api.jobs.schemas import BudgetBody, ExampleBody, OptimizeBody, RetestBody
from gepa_next.api.jobs.states import BudgetState, ForkState, JobState, JudgeState, NoiseState, RetestState, SpentState
from gepa_next.api.pins.states import ActivationState, PinState, RetestItem
from gepa_next.client import (
    Activation,
    Budget,
    Client,
    ClientError,
    Compared,
    Comparison,
    ComparisonQuote,
    Difference,
    ExampleOptions,
    Fork,
    ForkOptions,
    Job,
    Judge,
    LimitOptions,
    Noise,
    NoServerError,
    OptimizeOptions,
    PinnedPrompt,
    Quote,
    Result,
    Retest,
    RetestOf,
    RetestOptions,
    RoleCall,
    SmallestGain,
    TaskOptions,
    Usage,
)
from tests.client.stand_in import answer, standing_in
from tests.support.certificates import make_certificates
from tests.support.service import EXAMPLES, OTHER_TOKEN, TOKEN

HTML = answer(200, "<html>Welcome</html>", content_type="text/html")


def names(kind: type) -> set[str]:
    return {each.name for each in fields(kind)} - {"raw"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Job, JobState),
        (Judge, JudgeState),
        (Noise, NoiseState),
        (Usage, SpentState),
        (Budget, BudgetState),
        (Fork, ForkState),
        (RetestOf, RetestState),
        (Quote, QuoteState),
        (RoleCall, RoleCallState),
        (SmallestGain, SmallestGainState),
        (PinnedPrompt, PinState),
        (Activation, ActivationState),
        (Retest, RetestItem),
        (Comparison, ComparisonState),
        (Compared, ComparedState),
        (Difference, DifferenceState),
        (ComparisonQuote, ComparisonQuoteState),
    ],
)
def test_the_client_knows_every_field_that_the_service_tells(ours, theirs) -> None:
    assert names(ours) == set(theirs.model_fields)


@pytest.mark.parametrize(
    ("ours", "theirs", "besides"),
    [
        (OptimizeOptions, OptimizeBody, {"prompt", "prompts", "examples"}),
        (TaskOptions, ComparisonBody, {"prompt", "target_model_ids", "examples"}),
        (LimitOptions, BudgetBody, set()),
        (ExampleOptions, ExampleBody, set()),
        (ForkOptions, ForkBody, set()),
        (RetestOptions, RetestBody, set()),
    ],
)
def test_every_field_of_a_body_can_be_given(ours, theirs, besides) -> None:
    assert set(get_type_hints(ours)) | besides == set(theirs.model_fields)


def test_a_job_has_all_that_its_state_says(done, done_id) -> None:
    with done.served() as url, Client(url, TOKEN) as client:
        job = client.job(done_id)
        assert job.raw == done.client().get(f"/v1/optimize/{done_id}").json
        assert (job.is_over, job.result.verdict, job.usage.by_role["target"].calls) == (True, "inconclusive", 4)
        assert set(job.raw["result"]) <= names(Result)
        assert client.candidates(done_id)[1].parent_ids == (0,)
        assert client.artifact(done_id, "prompt.txt") == job.result.prompt
        assert "receipt.json" in {each.name for each in client.artifacts(done_id)}
        assert client.stream_token(done_id).url.startswith(job.links["events"])


def test_jobs_are_listed_over_pages_by_status_and_up_to_a_limit(open_with, monkeypatch) -> None:
    monkeypatch.setattr("gepa_next.client.connection.PAGE", 2)
    service = open_with()
    made = [service.create(prompt=f"Add {n}.") for n in range(5)]
    service.client().delete(f"/v1/optimize/{made[0]}")
    with service.served() as url, Client(url, TOKEN) as client:
        assert [job.job_id for job in client.jobs()] == made[::-1]
        assert [job.job_id for job in client.jobs(status="cancelled")] == made[:1]
        assert [job.job_id for job in client.jobs(limit=3)] == made[:1:-1]


def test_fields_of_a_newer_server_are_kept_and_do_no_harm(stand_in) -> None:
    newer = (
        '{"job_id": "j", "status": "paused", "iteration": 1, "iterations": 2, "mood": "good", "usage": {"joules": 3}}'
    )
    with Client(stand_in(answer(200, newer)).url) as client:
        job = client.job("j")
    assert (job.status, job.is_over, job.raw["mood"]) == ("paused", False, "good")


@pytest.mark.parametrize(
    "other",
    [
        HTML,
        answer(404, "<html>Not here</html>", content_type="text/html"),
        answer(200, '{"hello": "world"}'),
        answer(200, '["a", "list"]'),
        answer(200, '{"job_id": 1, "status": "running", "iteration": 1, "iterations": 2}'),
        answer(500, '{"error": "a text"}'),
        answer(302, "", "Location: https://login.example/"),
        b"SSH-2.0-OpenSSH_9.2\r\n",
    ],
    ids=["html", "html 404", "json", "list", "types", "error", "redirect", "ssh"],
)
def test_a_server_that_is_not_ours_is_one_clear_error(stand_in, other) -> None:
    server = stand_in(other)
    with (
        Client(server.url) as client,
        pytest.raises(NoServerError, match=f"{server.url} is no gepa-next server") as found,
    ):
        client.job("j")
    assert found.value.code == "not_gepa_next"


def test_a_list_that_is_not_ours_is_no_list(stand_in) -> None:
    with Client(stand_in(answer(200, "{}")).url) as client, pytest.raises(NoServerError, match="not_gepa_next"):
        list(client.jobs())


def test_a_redirect_says_where_it_leads(stand_in) -> None:
    server = stand_in(answer(301, "", "Location: https://gepa.example/"))
    with Client(server.url) as client, pytest.raises(NoServerError, match=r"leads to https://gepa\.example/"):
        client.job("j")


def test_nobody_there_is_said_at_once(stand_in) -> None:
    waits = []
    refused = pytest.raises(NoServerError, match=r"http://127\.0\.0\.1:1 cannot be reached: Connection refused")
    with Client("http://127.0.0.1:1", on_wait=lambda *said: waits.append(said)) as client, refused:
        client.job("j")
    assert waits == []


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8000", "ftp://x", "http://", "http://x:port", "http://me:pw@x", "http://x/?a"]
)
def test_an_address_that_is_none_is_refused_before_anything_is_sent(url) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Client(url)


@pytest.mark.parametrize("token", ["two words", "línea", "a\r\nHost: b"])
def test_a_token_that_no_header_can_carry_is_refused(token) -> None:
    with pytest.raises(ValueError, match="visible ASCII"):
        Client("http://127.0.0.1:1", token)


def test_a_refusal_has_code_message_details_and_request_id(service) -> None:
    with service.served() as url, Client(url, "wrong") as client, pytest.raises(ClientError) as caught:
        client.job("j")
    error = caught.value
    assert (error.status, error.code, error.details) == (401, "unauthorized", ())
    assert error.message
    assert error.request_id


def test_what_another_token_made_is_not_there(service) -> None:
    with service.served() as url, Client(url, OTHER_TOKEN) as client, pytest.raises(ClientError, match="not_found"):
        client.job(service.create())


@pytest.mark.parametrize("job_id", ["", "..", "a/b", "?x", "№"])
def test_an_id_that_is_none_is_not_found(service, job_id) -> None:
    with service.served() as url, Client(url, TOKEN) as client, pytest.raises(ClientError) as caught:
        client.stop(job_id)
    assert caught.value.status in {404, 405}


def test_a_key_makes_one_job(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        first, second = (client.optimize("Add.", examples=EXAMPLES, idempotency_key="k") for _ in range(2))
    assert first.job_id == second.job_id


def test_a_certificate_that_nobody_signed_is_an_error_and_its_authority_can_be_named(tmp_path) -> None:
    made = make_certificates(tmp_path)
    with standing_in([HTML], made / "good.pem") as server:
        with Client(server.url) as client, pytest.raises(NoServerError, match="tls_failed"):
            client.job("j")
        with Client(server.url, ca_file=str(made / "ca.pem")) as client, pytest.raises(NoServerError, match="not_gepa"):
            client.job("j")


def test_importing_it_loads_and_starts_nothing_of_the_service() -> None:
    script = (
        "import sys, threading; import gepa_next.client; "
        "ours = sorted(n for n in sys.modules if n.startswith('gepa_next')); "
        "print(*[n for n in ours if not n.startswith('gepa_next.client')], threading.active_count(), "
        "*({'flask', 'gevent', 'pydantic', 'sqlite3'} & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout.split() == ["gepa_next", "gepa_next.csv_text", "1"]


def test_a_comparison_is_quoted_made_and_cancelled(service) -> None:
    with service.served() as url, Client(url, TOKEN) as client:
        options = {"examples": EXAMPLES, "iterations": 1}
        assert client.quote_comparison("Add.", ["acme/a", "acme/b"], **options).targets[1].quote.expected.calls > 0
        made = client.compare("Add.", ["acme/a", "acme/b"], **options)
        assert client.comparison(made.comparison_id) == made
        assert client.job(made.targets[0].job_id).comparison_id == made.comparison_id
        assert client.cancel_comparison(made.comparison_id).status == "cancelled"
