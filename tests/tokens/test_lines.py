"""A line of a file of tokens says whose token it is, what it may do and until when; a slip is named, not guessed at."""

import pytest

from gepa_next.tokens.lines import Token, TokenLimits, digest_of_token, line_of, new_token, read_lines

SECRET = "canary-0123456789-abcdef"  # noqa: S105 - of no service
DIGEST = f"sha256:{digest_of_token(SECRET)}"


def test_a_token_may_stand_in_the_file_or_its_digest() -> None:
    plain, hashed = read_lines(f"ada read {SECRET}"), read_lines(f"ada read {DIGEST}")
    assert plain == hashed == (Token(digest=digest_of_token(SECRET), owner="name/ada", scopes=frozenset({"read"})),)


def test_comments_and_empty_lines_are_passed_over() -> None:
    found = read_lines(f"# tokens\n\n  ada read,write {SECRET}#1 expires=2027-01-01 # until spring\n")
    assert [each.digest for each in found] == [digest_of_token(f"{SECRET}#1")]
    assert found[0].scopes == {"read", "write"}


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        ("2027-01-01", 1_798_761_600),
        ("2027-01-01T12:30", 1_798_806_600),
        ("2027-01-01T12:30Z", 1_798_806_600),
        ("2027-01-01T14:30+02:00", 1_798_806_600),
    ],
)
def test_an_end_is_a_date_or_a_time(end, seconds) -> None:
    assert read_lines(f"ada read {SECRET} expires={end}")[0].expires_at == seconds


def test_what_a_line_says_it_says_again() -> None:
    text = f"ada read,admin {DIGEST} expires=2027-01-01T00:00:00Z requests_per_min=60"
    token = read_lines(text)[0]
    assert token.limits == TokenLimits(requests_per_min=60)
    assert line_of(token) == text


WRONG = {
    "": "there is no token in it",
    "# ada read {secret}": "there is no token in it",
    "ada read": "line 1: a line is NAME SCOPES TOKEN",
    "ada read #{secret}": "line 1: a line is NAME SCOPES TOKEN",
    "a/b read {secret}": "line 1: a name is 1 to 64",
    "-a read {secret}": "line 1: a name is 1 to 64",
    "ädä read {secret}": "line 1: a name is 1 to 64",
    "ada all {secret}": "line 1: scopes are read, write, admin",
    "ada read,,write {secret}": "line 1: scopes are read, write, admin",
    "ada read short-canary": "line 1: a token is 20 or more",
    "ada read canary-töken-0123456789": "line 1: a token is 20 or more",
    "ada read sha256:canary": "line 1: after sha256: come 64",
    "ada read {secret} expires=soon": "line 1: expires is a date",
    "ada read {secret} expires=": "line 1: expires is a date",
    "ada read {secret} canary=1": "line 1: after the token come expires and requests_per_min",
    "ada read {secret} {secret}": "line 1: after the token come expires and requests_per_min",
    "ada read {secret} requests_per_min=-1": "line 1: requests_per_min is a whole number",
    "ada read {secret} requests_per_min=²": "line 1: requests_per_min is a whole number",
    "ada read {secret} requests_per_min=9999999999999": "line 1: requests_per_min is a whole number",
    "ada read {secret} requests_per_min=1 requests_per_min=2": "line 1: something is said twice",
    "ada read {secret}\nbob read {digest}": "line 2: this token is given twice",
    "ada read {secret}\nada read {secret}2 requests_per_min=1": "line 2: the tokens of one name have other limits",
}


@pytest.mark.parametrize(("text", "said"), WRONG.items())
def test_a_wrong_line_is_named_without_what_stands_in_it(text, said) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        read_lines(text.format(secret=SECRET, digest=DIGEST))
    assert "canary" not in str(caught.value)


def test_a_token_of_the_settings_cannot_be_given_a_name_too() -> None:
    with pytest.raises(ValueError, match="twice"):
        read_lines(f"ada read {SECRET}", taken={digest_of_token(SECRET)})


def test_new_tokens_can_stand_in_a_line() -> None:
    made = {new_token() for _ in range(50)}
    assert len(made) == 50
    assert len(read_lines("\n".join(f"ada read {each}" for each in made))) == 50
