"""A server that is configured wrongly says which variable, exits 2 and starts nothing."""

import ctypes
import resource
import socket
import sqlite3
import subprocess
from contextlib import closing

import pytest

from gepa_next.store.database import Database
from gepa_next.store.migrate import schema_version
from tests.e2e.processes import GUNICORN, ROOT, SERVE, environment
from tests.store.jobs_on_file import insert

WRONG = [
    ("API_BEARER_TOKENS", {"API_BEARER_TOKENS": ""}),
    ("API_TOKENS_FILE: missing", {"API_TOKENS_FILE": "missing"}),
    ("MAX_ITERATIONS", {"MAX_ITERATIONS": "many"}),
    ("HOST", {"REQUIRE_AUTH": "false", "HOST": "0.0.0.0"}),  # noqa: S104 - refused is the point
    ("JUDGE_MODEL_ID", {"OPENAI_API_KEY": "sk-canary"}),
    ("LLM_BASE_URL", {"LLM_BASE_URL": "localhost", "JUDGE_MODEL_ID": "j", "TARGET_MODEL_DEFAULT": "t"}),
    ("MODEL_PRICES", {"MODEL_PRICES": "cheap"}),
    ("CORS_ALLOWED_ORIGINS", {"CORS_ALLOWED_ORIGINS": "https://example.org/"}),
]
WORKER = [*SERVE[:3], "worker"]


def run(command, folder, *, begin=None, **variables) -> subprocess.CompletedProcess[str]:
    """Run the command to its end; `begin` is called in its process first."""
    return subprocess.run(
        command,
        env=environment(folder, **variables),
        cwd=ROOT if command is GUNICORN else folder,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        preexec_fn=begin,
    )


@pytest.mark.parametrize(("name", "variables"), WRONG)
def test_a_wrong_setting_is_named_on_one_line(tmp_path, name, variables) -> None:
    ended = run(SERVE, tmp_path, **variables)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert name in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "canary" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("command", [GUNICORN, WORKER], ids=["gunicorn", "worker"])
def test_every_way_to_start_checks_the_settings(tmp_path, command) -> None:
    ended = run(command, tmp_path, PORT="http")
    assert ended.returncode == 2
    assert "PORT" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_taken_port_is_named(tmp_path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [*SERVE[:-1], port]
        ended = run(command, tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"PORT: cannot listen on 127.0.0.1:{port}" in ended.stderr


def obey_permissions() -> None:
    """Give up the right to read and write whatever the permissions say, if this is root."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: in force after the exec


def fill_the_disk() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def not_ours(path) -> None:
    path.write_text("This is not a database, and a long text too. " * 100)


def other_program(path) -> None:
    with closing(sqlite3.connect(path)) as theirs:
        theirs.execute("CREATE TABLE theirs (x)")


def newer(path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {schema_version() + 1}")


def made_by_another_version(path) -> None:
    Database(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE jobs DROP COLUMN paused_s")


def damaged(path) -> None:
    Database(path).close()
    content = bytearray(path.read_bytes())
    content[8192:] = b"\xff" * len(content[8192:])
    path.write_bytes(content)


def damaged_at_its_end(path) -> None:
    with closing(Database(path)) as database:
        for n in range(50):
            insert(database, f"job-{n}")
    content = bytearray(path.read_bytes())
    for page in range(len(content) * 3 // 4 // 4096 * 4096, len(content), 4096):
        content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)


def read_only(path) -> None:
    Database(path).close()
    path.chmod(0o444)


def usable(path) -> None:
    Database(path).close()


@pytest.mark.parametrize("command", [SERVE, GUNICORN, WORKER], ids=["serve", "gunicorn", "worker"])
@pytest.mark.parametrize(
    ("make", "begin", "said"),
    [
        (not_ours, None, "not a database"),
        (other_program, None, "belongs to another program"),
        (newer, None, f"schema {schema_version() + 1}; this version knows {schema_version()}"),
        (made_by_another_version, None, f"another schema {schema_version()} than this version's (jobs)"),
        (damaged, None, "malformed"),
        (damaged_at_its_end, None, "the database is damaged, restore a backup"),
        (read_only, obey_permissions, "may not be written"),
        (usable, fill_the_disk, "the disk may be full"),
    ],
)
def test_a_database_that_cannot_be_used_is_named_and_left_alone(tmp_path, command, make, begin, said) -> None:
    path = tmp_path / "jobs.sqlite3"
    make(path)
    before = path.read_bytes()
    ended = run(command, tmp_path, begin=begin, DATABASE_PATH=str(path))
    status = 75 if begin is fill_the_disk else 2  # a disk may have room again; nothing else mends itself
    assert (ended.returncode, "Traceback" in ended.stderr) == (status, False)
    assert f"DATABASE_PATH: {path}: " in ended.stderr
    assert said in ended.stderr.splitlines()[-1]
    assert path.read_bytes() == before


def test_a_folder_that_cannot_be_written_is_named(tmp_path) -> None:
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o555)
    ended = run(WORKER, tmp_path, begin=obey_permissions, DATABASE_PATH=str(folder / "jobs.sqlite3"))
    assert (ended.returncode, "Traceback" in ended.stderr) == (2, False)
    assert f"Permission denied: '{folder}/jobs.sqlite3'" in ended.stderr
