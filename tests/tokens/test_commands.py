"""Tokens are made on the command line, and files of them looked at."""

import pytest

from gepa_next.cli import main
from gepa_next.tokens.lines import digest_of_token, read_lines
from gepa_next.tokens.private_file import write_private


def test_a_new_token_comes_with_its_line(capsys) -> None:
    main(["token", "new", "ci", "--scope", "read", "--expires", "2027-01-01", "--requests-per-min", "60"])
    secret, line = capsys.readouterr().out.splitlines()
    token = read_lines(line)[0]
    assert secret not in line
    assert token.digest == digest_of_token(secret)
    assert (token.owner, token.scopes, token.limits.requests_per_min) == ("name/ci", {"read"}, 60)


@pytest.mark.parametrize("given", [["a/b"], ["ci", "--expires", "soon"], ["ci", "--requests-per-min", "many"]])
def test_what_would_be_no_line_is_refused(capsys, given) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["token", "new", *given])
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_file_is_looked_at_without_telling_a_token(capsys, tmp_path) -> None:
    path = tmp_path / "tokens"
    write_private(path, "ci read,admin a-token-0123456789-abc expires=1999-01-01", over=True)
    main(["token", "check", str(path)])
    said = capsys.readouterr().out
    assert said.startswith("ci  read,admin  sha256:")
    assert said.endswith("expired 1999-01-01T00:00+00:00\n")
    assert "a-token" not in said


def test_a_file_is_looked_at_with_the_limits_that_it_states(capsys, tmp_path) -> None:
    lines = ["ci read,write ci-0123456789-abcdefg stored_mb=0 requests_per_min=60", "ada write ada-0123456789-abcdef"]
    write_private(tmp_path / "tokens", "\n".join(lines), over=True)
    main(["token", "check", str(tmp_path / "tokens")])
    ci, ada = capsys.readouterr().out.splitlines()
    assert ci.endswith("…  requests_per_min=60  stored_mb=0")
    assert ada.endswith("…")


def test_a_name_that_may_read_and_has_nothing_to_read_is_warned_of(capsys, tmp_path) -> None:
    main(["token", "new", "bob", "--scope", "read"])
    assert "no token of bob here may write" in capsys.readouterr().err
    lines = ["bob read bob-0123456789-abcdef", "ada read ada-0123456789-abcdef", "ada write ada-9876543210-abcdef"]
    write_private(tmp_path / "tokens", "\n".join([*lines, "ops admin ops-0123456789-abcdef"]), over=True)
    main(["token", "check", str(tmp_path / "tokens")])
    warned = capsys.readouterr().err.splitlines()
    assert [each[:34] for each in warned] == ["warning: no token of bob here may "]


def test_a_wrong_file_is_told_by_its_line(capsys, tmp_path) -> None:
    path = tmp_path / "tokens"
    write_private(path, "ci", over=True)
    with pytest.raises(SystemExit):
        main(["token", "check", str(path)])
    assert "tokens: line 1" in capsys.readouterr().err
