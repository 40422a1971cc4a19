"""Importing from the command line: what people and programs are told of it, and what is in when it ends early."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from tests.client.stand_in import answer, refusing
from tests.client.test_commands import GEPA_NEXT, TIMEOUT_S, lines, on_a_terminal, run, surroundings
from tests.support.service import TOKEN

IN = json.dumps({"upserted": 5, "duplicates": 0, "left_out": 0, "errors": [], "first_duplicates": []})


@pytest.fixture
def rows(tmp_path) -> str:
    """Rows for three requests, of which one line is known twice and one has no input."""
    path = tmp_path / "rows.jsonl"
    text = "".join(json.dumps({"input": f"{n} " + "x" * 900}) + "\n" for n in range(2500))
    path.write_text(text + '{"ideal": "no input"}\n' + text.partition("\n")[0] + "\n")
    return str(path)


def test_a_terminal_gets_a_bar_and_the_lines_that_matter(service, rows) -> None:
    with service.served() as url:
        shown, code = on_a_terminal(url, "examples", "import", rows)
    assert code == 1
    assert "[########" in shown
    assert "100 %" in shown
    assert "2501 written, 1 of them known before, 1 left out" in shown
    assert "left out: line 2501: input: is required" in shown
    assert "known before: line 2502 (x-" in shown


def test_an_example_of_a_json_list_is_told_by_its_number(service, tmp_path) -> None:
    file = tmp_path / "rows.json"
    file.write_text('[{"input": "a", "ideal": "ideal of a"}, {"input": "a", "ideal": "ideal of a"}, {"ideal": "c"}]')
    with service.served() as url:
        shown, code = on_a_terminal(url, "examples", "import", str(file))
        listed, _ = on_a_terminal(url, "examples", "list")
    assert code == 1
    assert listed.split()[1:] == ["a", "ideal", "of", "a"]
    assert "left out: example 3: input: is required" in shown


def test_a_program_gets_a_line_for_each_piece_and_the_result_last(service, rows) -> None:
    with service.served() as url:
        *progress, result = lines(run(url, "examples", "import", rows))
    assert [each["progress"]["upserted"] for each in progress] == sorted(
        each["progress"]["upserted"] for each in progress
    )
    assert len(progress) == 3
    assert progress[-1]["progress"]["bytes"] == Path(rows).stat().st_size
    assert (result["upserted"], result["duplicates"], result["left_out"]) == (2501, 1, 1)
    assert [(each["row"], each["path"]) for each in result["errors"]] == [(2501, "input")]
    assert result["first_duplicates"][0]["row"] == 2502


def test_a_dry_run_says_so_and_writes_nothing(service, tmp_path) -> None:
    file = tmp_path / "rows.tsv"
    file.write_bytes("input\tideal\nfür\tx\n".encode("windows-1252"))
    with service.served() as url:
        assert run(url, "examples", "import", str(file)).returncode == 2
        (told,) = lines(
            run(url, "examples", "import", str(file), "--encoding", "windows-1252", "--delimiter", "tab", "--dry-run")
        )
        assert (told["dry_run"], told["upserted"]) == (True, 1)
        assert lines(run(url, "examples", "list")) == []
        assert (
            "would be written"
            in on_a_terminal(url, "examples", "import", str(file), "--encoding", "latin-1", "--dry-run")[0]
        )


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("rows.csv", b"\x1f\x8b\x08\0", "gzip"),
        ("rows.jsonl", b'[{"input": "a"}]', "--format json"),
        ("rows.csv", b"question\n1\n", "no column `input`"),
        ("rows.parquet", b"PAR1", "say --format"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_before_anything_is_sent(stand_in, tmp_path, name, content, said) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    server = stand_in(answer(200, IN))
    done = run(server.url, "examples", "import", str(file))
    assert (done.returncode, done.stdout, server.requests) == (2, "", [])
    assert said in done.stderr


def test_a_token_that_expires_midway_says_what_is_in(stand_in, rows) -> None:
    done = run(stand_in(answer(200, IN), refusing(401, "unauthorized")).url, "examples", "import", rows)
    assert done.returncode == 4
    assert "5 rows are in" in done.stderr
    assert "unauthorized" in done.stderr


def test_a_server_that_is_another_one_gets_no_second_piece(stand_in, rows) -> None:
    server = stand_in(answer(200, "<html>", content_type="text/html"))
    done = run(server.url, "examples", "import", rows)
    assert (done.returncode, len(server.requests)) == (4, 1)
    assert "is no gepa-next server" in done.stderr


def test_letting_go_midway_says_what_is_in_and_running_it_again_doubles_nothing(service, rows) -> None:
    with service.served() as url:
        command = [*GEPA_NEXT, "examples", "import", "-"]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        with subprocess.Popen(command, env=surroundings(url, TOKEN), **pipes) as going:
            going.stdin.write(Path(rows).read_bytes() * 2)  # progress is told of a piece when the next is read
            going.stdin.flush()
            assert json.loads(going.stdout.readline())["progress"]["upserted"] > 0
            going.send_signal(signal.SIGINT)
            assert going.wait(TIMEOUT_S) == 130
            said = going.stderr.read().decode()
        assert "rows are in; import the file again" in said
        assert "Traceback" not in said
        run(url, "examples", "import", rows)
        assert len(run(url, "examples", "export").stdout.splitlines()) == 2500


def test_the_bank_is_written_to_a_file_as_csv(service, tmp_path) -> None:
    out = tmp_path / "bank.csv"
    with service.served() as url:
        run(
            url,
            "examples",
            "import",
            "-",
            input='{"id": "a", "input": "=1", "tags": ["t"]}\n{"id": "b", "input": "2"}\n',
        )
        assert run(url, "examples", "export", "--format", "csv", "--tag", "t", "--out", str(out)).returncode == 0
    assert out.read_bytes() == b"id,input,ideal,tags,meta\r\na,'=1,,t,\r\n"


QUESTION = {"role": "system", "content": "Which team?"}
SAMPLES = [
    {"input": [QUESTION, {"role": "user", "content": "I paid twice."}], "ideal": ["billing", "money"]},
    {"input": [QUESTION, {"role": "user", "content": "It crashes."}], "ideal": "tech"},
    {"ideal": "no input"},
]
REGISTRY = "tickets: {class: 'evals.elsuite.basic.includes:Includes'}"
ITEMS = [
    {"item": {"ticket": "I paid twice.", "team": "billing"}},
    {"item": {"ticket": "Oh.", "team": "tech"}},
    {"item": 7},
]
GRADERS = """
data_source: {input_messages: {template: [{role: user, content: "Which team? {{item.ticket}}"}]}}
testing_criteria:
- {type: string_check, operation: like, input: "{{sample.output_text}}", reference: "{{item.team}}"}
- {type: string_check, operation: ilike, input: "{{sample.output_text}}", reference: "please (now): a, b"}
- {type: label_model, labels: ["a", "b"], passing_labels: ["a"], input: [{role: user, content: "Kind?"}]}
- {type: python, source: pass}
"""
TESTS = """question,__expected1,__expected2,__expected3
I paid twice.,equals: billing,regex: ^\\w+$,llm-rubric: kind
It crashes.,equals: tech,regex: ^\\w+$,llm-rubric: kind
short
"""
PROMPTFOO = """
prompts: ['Which team? {{question}}']
defaultTest:
  assert: [{type: is-json, value: {type: string}}, {type: word-count, value: {min: 1, max: 3}}, {type: cost}]
"""


def as_lines(rows: list) -> str:
    return "".join(f"{json.dumps(each)}\n" for each in rows)


@pytest.mark.parametrize(
    ("origin", "files", "lost"),
    [
        ("openai-evals", (as_lines(SAMPLES), REGISTRY), "further ideals"),
        ("openai-graders", (as_lines(ITEMS), GRADERS), "grader python"),
        ("promptfoo", (TESTS, PROMPTFOO), "assertion cost"),
    ],
)
def test_the_job_of_another_tool_is_taken_as_it_is(service, tmp_path, origin, files, lost) -> None:
    data, definition = files
    name = "rows.csv" if origin == "promptfoo" else "rows.jsonl"
    (tmp_path / name).write_text(data)
    (tmp_path / "definition.yaml").write_text(definition)
    job = tmp_path / "job.json"
    options = ["--from", origin, "--definition", str(tmp_path / "definition.yaml"), "--job", str(job), "--tag", "t;1"]
    with service.served() as url:
        done = run(url, "examples", "import", str(tmp_path / name), *options)
        shown, _ = on_a_terminal(url, "examples", "import", str(tmp_path / name), *options)
    (told,) = lines(done)
    wrong = [each["row"] for each in told["errors"]]
    assert (done.returncode, told["upserted"], wrong) == (1, 2, [data.count("\n")])
    assert lost in [each["what"] for each in told["not_carried_over"]]
    assert f"not carried over: {lost} (" in shown
    assert "known before: line 2 (" in shown
    assert json.loads(job.read_text()) == told["job"]
    made = service.client().post("/v1/optimize", data=job.read_bytes(), content_type="application/json")
    assert made.status_code == 201, made.json
    assert made.json["split"]["train"] == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "openai-evals", "--format", "csv"], "--format is for files without --from"),
        (["--job", "job.json"], "--job is for files with --from"),
        (["--from", "promptfoo"], "rows.json: neither a configuration nor a list of tests"),
        (["--from", "openai-evals", "--definition", "/no/such.json"], "such.json: No such file"),
        (["--from", "excel"], "invalid choice"),
    ],
)
def test_a_file_of_another_tool_that_cannot_be_used_is_one_line(stand_in, tmp_path, arguments, said) -> None:
    (tmp_path / "rows.json").write_text('"text"')
    server = stand_in(answer(200, IN))
    done = run(server.url, "examples", "import", str(tmp_path / "rows.json"), *arguments)
    assert (done.returncode, server.requests) == (2, [])
    assert said in done.stderr


def test_what_a_configuration_repeats_is_told_by_the_number_of_the_example(service, tmp_path) -> None:
    file = tmp_path / "promptfooconfig.json"
    file.write_text(json.dumps({"prompts": ["Team? {{a}}"], "tests": [{"vars": {"a": "x"}}, {"vars": {"a": "x"}}]}))
    with service.served() as url:
        shown, _ = on_a_terminal(url, "examples", "import", str(file), "--from", "promptfoo")
    assert "known before: example 2 (x-" in shown
