"""The commands that check: a line for each thing compared, and what the exit status says."""

from pathlib import Path

import pytest

from gepa_next.cli import main
from gepa_next.operating.arguments import VERIFIED
from tests.receipts.conftest import Files
from tests.support.service import Service


@pytest.fixture
def folder(files: Files, tmp_path: Path) -> Path:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def options(folder: Path) -> list[str]:
    return [f"--{name}={folder / name}.jsonl" for name in VERIFIED]


def test_verify_prints_what_agrees(folder, capsys) -> None:
    main(["verify", str(folder / "receipt.json"), *options(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 9
    assert all(line.startswith("agrees: ") for line in lines)


def test_verify_fails_and_says_what_differs(folder, capsys) -> None:
    log = folder / "events.jsonl"
    log.write_bytes(log.read_bytes()[:-1] + b" ")
    with pytest.raises(SystemExit) as left:
        main(["verify", str(folder / "receipt.json"), "--events", str(log)])
    assert left.value.code == 1
    assert "differs: the event log: the text of at least one" in capsys.readouterr().out


def test_verify_of_a_receipt_alone_needs_no_other_file(folder, capsys) -> None:
    main(["verify", str(folder / "receipt.json")])
    assert "the head" not in capsys.readouterr().out


def test_verify_looks_for_a_head_in_the_event_log_only(folder, capsys) -> None:
    with pytest.raises(SystemExit):
        main(["verify", str(folder / "receipt.json"), "--head", "0" * 64])
    assert "differs: the head that was kept: there is no event log" in capsys.readouterr().out


@pytest.mark.parametrize("missing", ["receipt.json", "events.jsonl"])
def test_verify_says_which_file_cannot_be_read(folder, capsys, missing) -> None:
    (folder / missing).unlink()
    with pytest.raises(SystemExit) as left:
        main(["verify", str(folder / "receipt.json"), *options(folder)])
    assert left.value.code == 2
    assert f"{folder / missing}: No such file" in capsys.readouterr().err


@pytest.fixture
def replayed(service: Service, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The id of a finished job in the database that the settings name."""
    monkeypatch.chdir(tmp_path)  # where no .env is
    monkeypatch.setenv("DATABASE_PATH", str(service.settings.database_path))
    return service.finished_job()


def test_replay_prints_what_agrees(replayed, capsys) -> None:
    main(["replay", replayed])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9
    assert all(line.startswith("agrees: ") for line in lines)


def test_replay_says_where_it_began(replayed, service, capsys) -> None:
    service.client().post(f"/v1/optimize/{replayed}/resume", json={"iterations": 2})
    service.run(replayed)
    main(["replay", replayed])
    assert capsys.readouterr().out.startswith("from iteration 2 on; ")


def test_replay_fails_and_says_what_differs(replayed, service, capsys) -> None:
    service.database.write(lambda db: db.execute("DELETE FROM calls WHERE job_id = ? AND role = 'judge'", (replayed,)))
    with pytest.raises(SystemExit) as left:
        main(["replay", replayed])
    assert left.value.code == 1
    assert capsys.readouterr().out.startswith("differs: the run: it ends with not_in_ledger")


def test_replay_of_what_cannot_be_replayed_says_why(replayed, service, capsys) -> None:
    for job_id, said in (("nobody-knows", "no such job"), (service.create(), "this one is queued")):
        with pytest.raises(SystemExit) as left:
            main(["replay", job_id])
        assert left.value.code == 2
        assert said in capsys.readouterr().err
