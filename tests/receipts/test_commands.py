"""The commands that check: a line for each thing compared, and what the exit status says."""

from pathlib import Path

import pytest

from gepa_next.cli import main
from tests.receipts.conftest import Files


@pytest.fixture
def folder(files: Files, tmp_path: Path) -> Path:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def options(folder: Path) -> list[str]:
    return [f"--{name}={folder / name}.jsonl" for name in ("events", "calls", "rollouts")]


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


@pytest.mark.parametrize("missing", ["receipt.json", "events.jsonl"])
def test_verify_says_which_file_cannot_be_read(folder, capsys, missing) -> None:
    (folder / missing).unlink()
    with pytest.raises(SystemExit) as left:
        main(["verify", str(folder / "receipt.json"), *options(folder)])
    assert left.value.code == 2
    assert f"{folder / missing}: No such file" in capsys.readouterr().err
