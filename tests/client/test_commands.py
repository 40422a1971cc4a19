"""The commands that talk to a server, as processes: what they print, and the codes they exit with."""

import argparse
import csv
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace

import pytest

from gepa_next.cli.command import parser
from gepa_next.client import ClientError
from gepa_next.client.answers import Quote, SmallestGain
from gepa_next.client.states import HeldOutTest, Job, JobError, Result, RetestOf, Usage, Warned
from gepa_next.commands.connecting import say_waiting
from gepa_next.commands.jobs import line_of
from gepa_next.commands.optimize import quote_lines
from gepa_next.commands.terminal import fitted
from gepa_next.commands.watching import conclusion
from tests.client.stand_in import answer
from tests.e2e.processes import ROOT, SERVE
from tests.support.service import EXAMPLES, TOKEN

TIMEOUT_S = 60
GEPA_NEXT = [sys.executable, "-m", "gepa_next"]


def surroundings(url: str, token: str = TOKEN) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "GEPA_NEXT_URL": url, "GEPA_NEXT_TOKEN": token}


def run(url: str, *arguments: str, token: str = TOKEN, **options: object) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [*GEPA_NEXT, *arguments],
        env=surroundings(url, token),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        **options,
    )
    assert "Traceback" not in done.stderr
    return done


def lines(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def counts(done: subprocess.CompletedProcess[str]) -> tuple[int, int, int]:
    """Return how many rows an import wrote, knew before and left out."""
    (told,) = lines(done)
    return told["upserted"], told["duplicates"], told["left_out"]


def on_a_terminal(url: str, *arguments: str) -> tuple[str, int]:
    """Return what a terminal shows of the command, and its exit code."""
    master, slave = pty.openpty()
    with subprocess.Popen([*GEPA_NEXT, *arguments], env=surroundings(url), stdout=slave, stderr=slave) as process:
        os.close(slave)
        shown = b""
        try:
            while piece := os.read(master, 4096):
                shown += piece
        except OSError:
            pass  # the other side is closed
        os.close(master)
        return shown.decode(), process.wait(TIMEOUT_S)


@pytest.fixture
def prompt(tmp_path) -> str:
    path = tmp_path / "prompt.txt"
    path.write_text("Add the two numbers.\n")
    return str(path)


@pytest.fixture
def examples(tmp_path) -> dict[str, str]:
    """The same examples in a file of each kind."""
    (tmp_path / "e.json").write_text(json.dumps(EXAMPLES))
    (tmp_path / "e.jsonl").write_text("".join(f"{json.dumps(each)}\n" for each in EXAMPLES))
    with (tmp_path / "e.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, EXAMPLES[0])
        writer.writeheader()
        writer.writerows(EXAMPLES)
    old = (tmp_path / "e.csv").read_text().replace(",", "\t").encode("utf-16-le")
    (tmp_path / "e.old").write_bytes(old)
    return {kind: str(tmp_path / f"e.{kind}") for kind in ("json", "jsonl", "csv", "old")}


OLD = ("--format", "csv", "--encoding", "utf-16-le", "--delimiter", "tab")


@pytest.mark.parametrize(("kind", "options"), [("json", ()), ("jsonl", ()), ("csv", ()), ("old", OLD)])
def test_a_job_is_made_of_a_file_of_each_kind(service, prompt, examples, kind, options) -> None:
    with service.served() as url:
        limits = ["--iterations", "3", "--max-calls", "500", "--seed", "7", "--set", 'metadata={"by":"me"}']
        done = run(url, "optimize", prompt, "--examples", examples[kind], *options, "--metric", "exact_match", *limits)
    (job,) = lines(done)
    assert done.returncode == 0
    assert (job["iterations"], job["budget"]["max_calls"], job["seed"]) == (3, 500, 7)
    assert (job["metric"], job["metadata"], sum(job["split"].values())) == ("exact_match", {"by": "me"}, len(EXAMPLES))


def test_a_job_is_made_of_a_request_in_a_file_and_options_change_it(service, tmp_path) -> None:
    file = tmp_path / "job.json"
    budget = {"max_calls": 500, "max_tokens": 90_000}
    file.write_text(json.dumps({"prompt": "Add.", "examples": EXAMPLES, "metric": "exact_match", "budget": budget}))
    with service.served() as url:
        done = run(url, "optimize", "--job", str(file), "--max-calls", "600")
        file.write_text("[]")
        wrong, missing = run(url, "optimize", "--job", str(file)), run(url, "optimize")
    (job,) = lines(done)
    assert (job["metric"], job["budget"]["max_calls"], job["budget"]["max_tokens"]) == ("exact_match", 600, 90_000)
    assert (wrong.returncode, missing.returncode) == (2, 2)
    assert "not a job" in wrong.stderr
    assert "or --job" in missing.stderr


def test_examples_come_from_stdin_and_a_quote_makes_no_job(service, prompt) -> None:
    text = "".join(f"{json.dumps(each)}\n" for each in EXAMPLES)
    with service.served() as url:
        done = run(url, "optimize", prompt, "--examples", "-", "--quote", input=text)
    assert lines(done)[0]["expected"]["calls"] > 0
    assert service.client().get("/v1/optimize").json["items"] == []


def test_a_quote_says_in_words_how_the_examples_serve_and_what_they_could_show() -> None:
    usage = Usage(calls=7, input_tokens=19_542, output_tokens=5_460)
    split = {"train": 6, "val": 6, "test": 6}
    gain = SmallestGain(n=6, zero_or_one=1.0, graded=0.42)
    quote = Quote(expected=usage, most=usage, split=split, smallest_gain=gain)
    expected, _, examples, to_show = quote_lines(quote, {"bank": {}})
    assert expected == "expected  7 calls, 19542 tokens in and 5460 out, cost unknown"
    assert examples == "examples  6 to reflect on, 6 to select by, 6 held out"
    assert to_show == "to show   a gain of 1.00 or more if scores are 0 or 1, of 0.42 otherwise"
    assert quote_lines(quote, {"examples": []})[2].startswith(
        "examples  up to 18 drafted by the reflector: 6 to reflect"
    )
    nothing = SmallestGain(n=0, reason="0 held out, and fewer than 6 cannot reach 95 % whatever the gain")
    assert quote_lines(replace(quote, smallest_gain=nothing), {})[3].startswith("to show   no gain: 0 held out")


def test_jobs_candidates_and_results_are_printed(service) -> None:
    job_id = service.finished_job()
    with service.served() as url:
        assert [each["job_id"] for each in lines(run(url, "jobs", "--status", "finished"))] == [job_id]
        assert [each["id"] for each in lines(run(url, "candidates", job_id))] == [0, 1]
        assert run(url, "result", job_id).stdout == "Add the two numbers.\n"
        assert run(url, "result", job_id, "--format", "diff").stdout == ""
        assert lines(run(url, "result", job_id, "--format", "json"))[0]["verdict"] == "inconclusive"
        assert "<title>Report of job" in run(url, "result", job_id, "--format", "html").stdout


def test_a_job_is_stopped_cancelled_and_resumed(service) -> None:
    job_id = service.create()
    with service.served() as url:
        assert run(url, "stop", job_id).returncode == 0
        assert lines(run(url, "cancel", job_id))[0]["status"] == "cancelled"
        resumed = lines(run(url, "resume", job_id, "--iterations", "9", "--max-tokens", "90000"))[0]
        assert (resumed["status"], resumed["iterations"], resumed["budget"]["max_tokens"]) == ("queued", 9, 90000)
        assert run(url, "result", job_id).returncode == 2


def test_the_bank_goes_out_and_in_again(service, tmp_path, examples) -> None:
    with service.served() as url:
        done = run(url, "examples", "import", examples["csv"])
        assert counts(done) == (len(EXAMPLES), 0, 0)
        exported = tmp_path / "out.jsonl"
        exported.write_text(run(url, "examples", "export").stdout)
        assert counts(run(url, "examples", "import", str(exported))) == (len(EXAMPLES), len(EXAMPLES), 0)
        assert len(lines(run(url, "examples", "list"))) == len(EXAMPLES)
        bad = run(url, "examples", "import", "-", input='{"ideal": "no input"}\n')
        assert (bad.returncode, lines(bad)[0]["errors"][0]["row"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "token", "code", "said"),
    [
        (["watch", "nothing"], TOKEN, 5, "not_found"),
        (["jobs"], "wrong", 4, "unauthorized"),
        (["jobs"], "not ä token", 2, "visible ASCII"),
        (["optimize", "/no/such/file"], TOKEN, 2, "No such file"),
        (["optimize", "/"], TOKEN, 2, "Is a directory"),
        (["jobs", "--url", "nonsense"], TOKEN, 2, "not the address of a server"),
        (["jobs", "--url", "http://127.0.0.1:1"], TOKEN, 4, "Connection refused; does it run there?"),
        (["jobs", "--limit", "x"], TOKEN, 2, "argument --limit: a whole number is expected, not x"),
        (["prune", "--older-than", "x"], TOKEN, 2, "argument --older-than: a number of days is expected, not x"),
        (["jobs", "--status", "odd"], TOKEN, 2, "invalid choice"),
    ],
)
def test_what_goes_wrong_is_one_line_and_a_code(service, arguments, token, code, said) -> None:
    with service.served() as url:
        done = run(url, *arguments, token=token)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--max-cost-usd", "nan"], "argument --max-cost-usd: a number is expected, not nan"),
        (["--max-seconds", "inf"], "argument --max-seconds: a number is expected, not inf"),
        (["--target-score", "high"], "argument --target-score: a number is expected, not high"),
        (["--set", "foo"], "--set foo: FIELD=JSON is expected"),
        (["--set", "foo=bar"], "--set foo: not JSON"),
        (["--set", "foo=NaN"], "--set foo: not JSON: NaN"),
        (["--set", 'idempotency_key="a"'], "--set idempotency_key: there is no such field"),
    ],
)
def test_an_option_that_makes_no_sense_is_named(stand_in, prompt, arguments, said) -> None:
    server = stand_in(answer(200, "{}"))
    done = run(server.url, "optimize", prompt, *arguments)
    assert (done.returncode, done.stdout, server.requests) == (2, "", [])
    assert said in done.stderr


def parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser and those of its commands."""
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for each in action.choices.values():
                yield from parsers(each)


def test_every_option_of_every_command_says_what_it_does() -> None:
    silent = [
        (each.prog, action.dest)
        for each in parsers(parser())
        for action in each._actions
        if not (action.help or isinstance(action, argparse._SubParsersAction))
    ]
    assert silent == []


def test_a_server_that_is_another_one_is_said_to_be(stand_in) -> None:
    done = run(stand_in(answer(200, "<html>", content_type="text/html")).url, "jobs")
    assert (done.returncode, done.stdout) == (4, "")
    assert "is no gepa-next server" in done.stderr


@pytest.mark.parametrize("content", [b"\xff\xfe\0", b"PK\x03\x04\0\0", b"[1, 2]", b"", b'{"input": 1'])
def test_a_file_that_is_not_what_it_says_is_refused_before_anything_is_sent(
    stand_in, prompt, tmp_path, content
) -> None:
    file = tmp_path / "bad.jsonl"
    file.write_bytes(content)
    server = stand_in(answer(200, "{}"))
    done = run(server.url, "optimize", prompt, "--examples", str(file))
    assert (done.returncode, server.requests) == (2, [])
    assert str(file) in done.stderr


def test_a_reader_that_leaves_is_no_trouble(service) -> None:
    for number in range(60):
        service.create(prompt=f"Add {number}.")
    with service.served() as url:
        command = f"{sys.executable} -m gepa_next jobs --limit 60 | head -n 1"
        done = subprocess.run(
            ["bash", "-c", command],  # noqa: S607 - whichever bash there is
            env=surroundings(url),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    assert (len(done.stdout.splitlines()), done.stderr) == (1, "")


def test_a_terminal_gets_a_bar_and_the_verdict(serve) -> None:
    server = serve(SERVE)
    job_id = server.create()
    shown, code = on_a_terminal("http://127.0.0.1:9", "watch", job_id, "--url", server.url)
    assert code == 0
    assert f"gepa-next result {job_id} --format txt --url {server.url}" in shown
    assert "simulated" in shown
    assert re.search(
        r"inconclusive: 0\.\d\d -> \d\.\d\d on 3 examples to select by\r\nThe .* the examples to select by", shown
    )
    assert "0.00 USD" in shown
    assert "cost unknown" not in shown
    assert "Traceback" not in shown
    shown, _ = on_a_terminal(server.url, "jobs")
    assert f"{job_id}  finished" in shown
    assert "inconclusive on 3 examples to select by" in shown
    shown, _ = on_a_terminal(server.url, "candidates", job_id)
    assert shown.startswith("simulated: its scores mean nothing")


def test_watching_outlives_the_server_and_letting_go_leaves_the_job(serve, provider) -> None:
    server = serve(SERVE, **provider.variables)
    job_id = server.create()
    provider.wait_for_calls()
    command = [*GEPA_NEXT, "watch", job_id]
    env = surroundings(server.url)
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as let_go:
        assert json.loads(let_go.stdout.readline())["id"] == 1
        let_go.send_signal(signal.SIGINT)
        assert let_go.wait(TIMEOUT_S) == 130
        assert f"gepa-next watch {job_id}" in let_go.stderr.read()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as watching:
        first = watching.stdout.readline()
        for pid in server.alive():
            os.kill(pid, signal.SIGKILL)
        server.stop()
        again = serve([*SERVE[:-1], server.url.rpartition(":")[2]], **provider.variables)
        provider.open_gate()
        told = [json.loads(line) for line in [first, *watching.stdout]]
        assert watching.wait(TIMEOUT_S) == 0
    assert [each["id"] for each in told] == list(range(1, len(told) + 1))
    assert told[-1]["type"] == "finished"
    assert again.state(job_id)["status"] == "finished"


HELD_OUT = HeldOutTest(n=8, seed_score=0.0, score=0.62)
LOWER = HeldOutTest(n=8, seed_score=0.5, score=0.25)


def over(result: Result | None = None, *, status: str = "finished", **more: object) -> Job:
    scores = {"seed_score": 0.0, "best_score": 0.8}
    return Job(job_id="j", status=status, iteration=1, iterations=1, result=result, **scores, **more)


@pytest.mark.parametrize(
    ("job", "said"),
    [
        (over(status="queued"), "0.00 -> 0.80  best so far"),
        (over(status="failed", error=JobError(code="no_credit", message="Pay.")),
         "0.00 -> 0.80  no_credit, best so far"),
        (over(Result(prompt="p", verdict="not_shown", candidate_id=3, test=HELD_OUT)),
         "0.00 -> 0.62  not_shown on 8 held-out examples"),
        (over(Result(prompt="p", verdict="worse", candidate_id=0, score=0.5, test=LOWER)),
         "0.50 -> 0.25  worse on 8 held-out examples; the seed prompt stays"),
        (over(Result(prompt="p", verdict="inconclusive", seed_score=0.1, score=0.7, nondominated={"n": 3})),
         "0.10 -> 0.70  inconclusive on 3 examples to select by"),
        (over(Result(prompt="p", verdict="passes", seed_score=0.1, score=0.7, retest={"n": 1}),
              retest=RetestOf(name="p", version=2, against=1)),
         "0.10 -> 0.70  passes on 1 example"),
    ],
)  # fmt: skip
def test_a_line_of_the_list_has_the_scores_that_the_verdict_is_about_and_says_on_what(job: Job, said: str) -> None:
    assert re.sub(r"  \d{4}-\d\d-\d\d \d\d:\d\d", "", line_of(job)).endswith(said)


def test_what_to_beware_of_is_said_at_the_end() -> None:
    beware = Warned(code="score_follows_length", message="Longer answers scored higher.")
    job = Job(
        job_id="j",
        status="finished",
        iteration=1,
        iterations=1,
        result=Result(prompt="p", verdict="improved", warnings=(beware,)),
    )
    assert "warning: score_follows_length: Longer answers scored higher." in conclusion(
        job, argparse.Namespace(url=None, ca_file=None)
    )


def test_the_exit_code_says_how_the_job_ended(service) -> None:
    job_id = service.create()
    service.client().delete(f"/v1/optimize/{job_id}")
    with service.served() as url:
        done = run(url, "watch", job_id)
    assert (done.returncode, lines(done)[-1]["type"]) == (3, "cancelled")


def test_a_job_is_made_and_followed_to_its_end(serve, prompt, examples) -> None:
    done = run(serve(SERVE).url, "optimize", prompt, "--examples", examples["jsonl"], "--iterations", "1", "--watch")
    told = lines(done)
    assert (done.returncode, told[0]["type"], told[-1]["type"]) == (0, "started", "finished")
    assert f"job {told[0]['job_id']}" in done.stderr


@pytest.mark.parametrize(
    ("width", "shown"),
    [(40, "[####] 3/5  best 0.50  about 0 s left  x"), (39, "[####] 3/5  best 0.50  about 0 s left"), (5, "[####")],
)
def test_a_line_that_is_too_long_is_cut_between_its_parts(width, shown) -> None:
    assert fitted("[####] 3/5  best 0.50  about 0 s left  x", width) == shown


@pytest.mark.parametrize(("pause_s", "said"), [(0.5, "again at once"), (1.0, "again in 1 s")])
def test_a_pause_that_is_hardly_one_is_not_counted_in_seconds(capsys, pause_s, said) -> None:
    say_waiting(ClientError("unreachable", "gone"), pause_s)
    assert capsys.readouterr().err == f"gepa-next: unreachable: gone; {said}\n"
