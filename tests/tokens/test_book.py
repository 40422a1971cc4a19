"""The file of tokens is read again when it changes, and a bad one changes nothing."""

import logging

import pytest

from gepa_next.tokens.book import TokenBook
from gepa_next.tokens.lines import Token, digest_of_token
from gepa_next.tokens.private_file import write_private

OLD, NEW = "old-token-0123456789", "new-token-0123456789"


@pytest.fixture
def path(tmp_path):
    write(tmp_path / "tokens", f"ada read {OLD}")
    return tmp_path / "tokens"


@pytest.fixture
def opened(path):
    """Open books on the file, as a service and then its successor does."""
    return lambda **options: TokenBook(path=path, copy=path.with_name("copy"), **options)


def write(path, text: str) -> None:
    write_private(path, text, over=True)


def owners(book: TokenBook) -> list[str | None]:
    found = [book.find(digest_of_token(each)) for each in (OLD, NEW)]
    return [each.owner if each else None for each in found]


def test_a_changed_file_is_read_again(path, opened) -> None:
    book = opened()
    assert owners(book) == ["name/ada", None]
    write(path, f"ada read {OLD}\nada read {NEW}")
    assert owners(book) == ["name/ada", "name/ada"]
    write(path, f"ada read {NEW}")
    assert owners(book) == [None, "name/ada"]


def test_a_file_written_in_place_is_read_again_too(path, opened) -> None:
    book = opened()
    path.write_text(f"ada read {NEW}")  # of the same length
    assert owners(book) == [None, "name/ada"]


def spoil_mode(path) -> None:
    write(path, f"bob read {NEW}")
    path.chmod(0o644)


BAD = {
    "others may read": spoil_mode,
    "line 2": lambda path: write(path, f"ada read {NEW}\nada read"),
    "there is no token": lambda path: write(path, ""),
    "not UTF-8": lambda path: path.write_bytes(b"\xff"),
    "larger than": lambda path: write(path, "#" * 2**20 + f"\nada read {NEW}"),
    "No such file": lambda path: path.unlink(),
}


@pytest.mark.parametrize(("said", "spoil"), BAD.items())
def test_a_bad_file_changes_nothing_and_is_told_once(path, opened, caplog, said, spoil) -> None:
    book = opened()
    spoil(path)
    with caplog.at_level(logging.ERROR):
        assert [owners(book), owners(book)] == [["name/ada", None]] * 2
    assert said in book.problem
    assert [said in each.message for each in caplog.records] == [True]
    assert "token-0123" not in caplog.text


@pytest.mark.parametrize("spoil", BAD.values())
def test_a_bad_file_changes_nothing_over_a_restart_either(path, opened, spoil) -> None:
    opened()
    spoil(path)
    assert owners(opened()) == ["name/ada", None]


def test_a_mended_file_is_read(path, opened) -> None:
    book = opened()
    write(path, "ada")
    assert owners(book) == ["name/ada", None]
    write(path, f"ada read {NEW}")
    assert owners(book) == [None, "name/ada"]
    assert book.problem == ""


def test_a_token_that_was_taken_out_does_not_come_back_with_a_bad_file(path, opened) -> None:
    book = opened()
    write(path, f"ada read {NEW}")
    assert owners(book) == [None, "name/ada"]
    write(path, "ada")
    assert owners(opened()) == [None, "name/ada"]


def test_what_is_kept_holds_digests_only_and_is_nobody_else_s_to_read(path, opened) -> None:
    opened()
    kept = path.with_name("copy")
    assert OLD not in kept.read_text()
    assert digest_of_token(OLD) in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_what_was_kept_of_another_file_lets_nobody_in(path, opened) -> None:
    opened()
    other = path.with_name("other")
    write(other, "ada")
    assert owners(TokenBook(path=other, copy=path.with_name("copy"))) == [None, None]


def test_a_bad_file_that_was_never_good_lets_nobody_in_but_the_tokens_of_the_settings(path) -> None:
    write(path, "ada")
    fixed = Token(digest=digest_of_token(NEW), owner="abc", scopes=frozenset())
    assert owners(TokenBook([fixed], path=path)) == [None, "abc"]


def test_a_token_ends_at_its_time(path, opened) -> None:
    write(path, f"ada read {OLD} expires=1970-01-02")
    now = [86_399.0]
    book = opened(clock=lambda: now[0])
    assert (owners(book)[0], len(book.digests())) == ("name/ada", 1)
    now[0] = 86_400.0
    assert (owners(book)[0], len(book.digests())) == (None, 0)


def test_a_file_of_the_service_s_group_may_be_read_by_it(path, opened) -> None:
    path.chmod(0o640)
    assert owners(opened()) == ["name/ada", None]


def test_a_link_to_the_file_serves_as_well(path, opened) -> None:
    path.rename(path.with_name("real"))
    path.symlink_to(path.with_name("real"))
    assert owners(opened()) == ["name/ada", None]
