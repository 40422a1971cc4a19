"""Tickets: good for one purpose, until a moment, and as long as their token is one of the server's."""

from functools import partial

import pytest

from gepa_next.tickets import find_signer
from gepa_next.tickets import issue_ticket as issue

KEY = b"a key"
issue_ticket = partial(issue, key=KEY)
NOW = 1_000.0


def signer(
    ticket: str, *, purpose: str = "session", now: float = NOW, digests: tuple[str, ...] = ("a1", "b2")
) -> object:
    return find_signer(digests, ticket, purpose, key=KEY, now=now)


def test_a_ticket_says_which_token_it_was_signed_with() -> None:
    assert signer(issue_ticket("b2", "session", until=NOW + 1)) == "b2"


def test_a_ticket_is_over_at_its_time() -> None:
    ticket = issue_ticket("a1", "session", until=NOW + 1)
    assert signer(ticket, now=NOW + 0.5) == "a1"
    assert signer(ticket, now=NOW + 1) is None


def test_a_ticket_for_one_purpose_is_none_for_another() -> None:
    ticket = issue_ticket("a1", "stream/1", until=NOW + 1)
    assert signer(ticket, purpose="stream/1") == "a1"
    assert signer(ticket, purpose="stream/11") is None
    assert signer(ticket) is None


def test_a_ticket_ends_with_its_token() -> None:
    assert signer(issue_ticket("gone", "session", until=NOW + 1)) is None


def test_who_knows_a_digest_and_not_the_key_makes_no_ticket() -> None:
    assert signer(issue("a1", "session", key=b"another", until=NOW + 1)) is None


def test_a_later_end_cannot_be_written_into_it() -> None:
    ticket = issue_ticket("a1", "session", until=NOW + 1)
    assert signer(ticket.replace("1001", "9001")) is None


@pytest.mark.parametrize(
    "text", ["", ".", "1001", "1001.", f"٣.{'0' * 64}", f"1001.{'0' * 64}", f"-1.{'a' * 64}", "9" * 999]
)
def test_what_is_no_ticket_opens_nothing(text) -> None:
    assert signer(text) is None
