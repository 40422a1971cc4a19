"""A program of the user's own as the target: good ones get better prompts, bad ones a job that ends and says why."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import gepa_next
from gepa_next.app import create_runner
from tests.support.programs import EXAMPLES, PROMPTS, Program, served_program, triages
from tests.support.service import Service, open_service

FEW = {"examples": EXAMPLES[:4], "iterations": 1}
WHOLE = {"iterations": 12, "population": 4, "minibatch": 3}


@pytest.fixture
def program() -> Iterator[Program]:
    with served_program() as served:
        yield served


@pytest.fixture
def open_for(tmp_path):
    """Open services in folders of their own."""
    opened = []

    def with_settings(name: str = "one", **changes) -> Service:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        opened.append(open_service(folder, **changes))
        return opened[-1]

    yield with_settings
    for each in opened:
        with closing(each):
            pass


ALMOST_ALL = 0.7


def get(service: Service, job_id: str, rest: str = ""):
    return service.client().get(f"/v1/optimize/{job_id}{rest}")


def ending(service: Service, job_id: str):
    """Return what a job that was made again would share with it."""
    result = get(service, job_id).json["result"] | {"artifacts": None}
    candidates = get(service, job_id, "/candidates").json["items"]
    rollouts = get(service, job_id, "/artifacts/rollouts.jsonl").text.splitlines()
    return result, candidates, sorted(rollouts)


def test_a_whole_job_finds_better_texts_for_both_components(open_for, program) -> None:
    service = open_for(**program.settings)
    job_id = service.finished_job(**program.job(**WHOLE))
    state = get(service, job_id).json
    result = state["result"]
    assert (state["seed_score"], result["verdict"]) == (0.0, "improved")
    assert result["score"] >= ALMOST_ALL
    assert state["best_prompts"] == result["prompts"]
    assert all(result["prompts"][name] != text and text in result["prompts"][name] for name, text in PROMPTS.items())
    last = {"prompts": result["prompts"], "input": EXAMPLES[0]["input"]}
    assert triages(last)["score"] > state["seed_score"]
    target = state["usage"]["by_role"]["target"]
    free = {"input_tokens": 0, "output_tokens": 0, "cost_usd": 0.0, "known_cost_usd": 0.0}
    assert target == {"calls": len(program.asked), **free}
    assert {each["example_id"] for each in program.asked} == {each["id"] for each in EXAMPLES}


def test_what_is_left_of_it_shows_the_components(open_for, program) -> None:
    service = open_for(**program.settings)
    job_id = service.finished_job(**program.job(**WHOLE))
    result = get(service, job_id).json["result"]
    listed = get(service, job_id, "/candidates").json["items"]
    assert listed[0]["prompts"] == PROMPTS
    assert next(each for each in listed if each["id"] == result["candidate_id"])["prompts"] == result["prompts"]
    lines = get(service, job_id, "/artifacts/candidates.jsonl").text.splitlines()
    assert [json.loads(line)["prompts"] for line in lines] == [each["prompts"] for each in listed]
    text = get(service, job_id, "/artifacts/prompt.txt").text
    assert text == "\n\n".join(f"[{name}]\n{component}" for name, component in result["prompts"].items())
    assert "+When the input mentions" in get(service, job_id, "/artifacts/prompt.diff").text


def test_a_job_that_is_broken_off_and_taken_up_again_ends_as_one_that_was_not(open_for, program) -> None:
    whole = open_for("whole", **program.settings)
    undisturbed = ending(whole, whole.finished_job(**program.job(**WHOLE)))
    asked = len(program.asked)
    broken = open_for("broken", **program.settings)
    job_id = broken.create(**program.job(**WHOLE))
    for share in (0.2, 0.5, 0.8):
        drained_after(broken, program, asked + int(share * asked))
        assert get(broken, job_id).json["status"] == "queued"
    broken.run(job_id)
    assert ending(broken, job_id) == undisturbed
    assert len(program.asked) == 2 * asked  # no answer was asked for twice


def drained_after(service: Service, program: Program, asked: int) -> None:
    """Run until the program was asked so often in all, then put the jobs back."""
    runner = create_runner(service.settings, service.database)
    runner.start()
    program.wait_until_asked(asked)
    runner.drain(10)


def test_a_job_made_from_its_receipt_ends_the_same(open_for, program) -> None:
    service = open_for(**program.settings)
    first = service.finished_job(**program.job(**WHOLE))
    spec = get(service, first, "/artifacts/receipt.json").json["spec"]
    second = service.client().post("/v1/optimize", json=spec).json["job_id"]
    service.run(second)
    assert ending(service, second) == ending(service, first)


def failed(service: Service, program: Program, **changes):
    """Return the error of a job that ends as failed."""
    state = get(service, service.finished_job(**program.job(**{**FEW, **changes}))).json
    assert (state["status"], state["stop_reason"]) == ("failed", "error")
    return state["error"]


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        ("<html><p>Sign in</p></html>", "malformed", "the body is not JSON"),
        ({"score": 1.0}, "malformed", "there is no output"),
        ({"output": "x", "score": 85}, "bad_score", "the score 85; it must be a number from 0 to 1"),
        ('{"output": "x", "score": NaN}', "bad_score", 'the score "NaN"'),
        ({"output": "x", "score": "0.9"}, "bad_score", 'the score "0.9"'),
        ({"output": "x"}, "bad_score", "no score"),
    ],
)
def test_a_program_whose_answers_are_of_no_use_fails_the_job_and_it_says_so(open_for, said, code, words) -> None:
    with served_program(lambda _: said) as bad:
        error = failed(open_for(**bad.settings), bad)
    assert error["code"] == code
    assert words in error["message"]


def test_a_program_that_hangs_fails_the_job_at_the_deadline(open_for) -> None:
    with served_program(lambda _: ...) as hanging:
        error = failed(open_for(**hanging.settings, llm_timeout_s=0.1), hanging)
    assert error["code"] == "timeout"
    assert f"{hanging.url}: deadline (no whole answer within 0.1 s)" in error["message"]


def test_a_program_that_is_bad_now_and_then_costs_rollouts_and_no_score(open_for, program) -> None:
    def moody(asked):
        if asked["example_id"] == "t3":
            return "<html>"
        return {**triages(asked), "score": 100} if asked["example_id"] == "t5" else triages(asked)

    program.answer = moody
    service = open_for(**program.settings)
    job_id = service.finished_job(**program.job(iterations=2, population=2))
    assert get(service, job_id).json["status"] == "finished"
    rollouts = [json.loads(line) for line in get(service, job_id, "/artifacts/rollouts.jsonl").text.splitlines()]
    failures = {(each["example_id"], each["error"], each["score"]) for each in rollouts if each["error"]}
    assert failures == {("t3", "malformed", None), ("t5", "bad_score", None)}


def test_a_lie_about_the_score_is_of_no_use_where_another_metric_scores(open_for) -> None:
    with served_program(lambda asked: {**triages(asked), "score": 1.0}) as lying:
        service = open_for(**lying.settings)
        job_id = service.finished_job(**lying.job(**FEW, metric="exact_match"))
        assert get(service, job_id).json["seed_score"] == 0.0


def test_a_program_on_this_machine_is_sent_nothing_unless_the_operator_allows_it(open_for, program) -> None:
    error = failed(open_for(program_urls=[program.url]), program)
    assert error["code"] == "forbidden_address"
    assert program.asked == []


def test_a_program_that_is_not_allowed_any_more_is_not_called(open_for, program) -> None:
    job_id = open_for(**program.settings).create(**program.job(**FEW))
    later = open_for(program_urls=["https://agents.example/"])
    later.run(job_id)
    assert get(later, job_id).json["error"]["code"] == "program_not_allowed"
    assert program.asked == []


def test_the_example_of_the_documentation_is_a_program(open_for) -> None:
    script = Path(gepa_next.__file__).parents[1] / "docs" / "examples" / "program.py"
    command = [sys.executable, script, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            url = process.stdout.readline().split()[-1]
            service = open_for(program_urls=[url], program_private_addresses=True)
            job_id = service.finished_job(
                prompt=None,
                prompts={"find": "Find apples and pears.", "write": "Write in capitals."},
                program_url=url,
                examples=[{"input": "Three apples, please.", "ideal": "APPLES"}],
                metric="exact_match",
            )
            assert get(service, job_id).json["result"]["score"] == 1.0
        finally:
            process.kill()
