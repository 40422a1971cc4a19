"""Commands about tokens: make one, and look at a file of them."""

import argparse
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from gepa_next.config import ConfigurationError
from gepa_next.tokens.book import read_tokens, said
from gepa_next.tokens.lines import (
    LIMITS,
    NAMED,
    SCOPES,
    Token,
    checked_end,
    checked_limits,
    digest_of_token,
    line_of,
    new_token,
    owner_of,
)


def add_token_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `token` and what comes after it."""
    token = commands.add_parser("token", help="make a token, or look at a file of them (API_TOKENS_FILE)")
    about = token.add_subparsers(required=True, metavar="COMMAND")
    new = about.add_parser("new", help="print a new token, once, and the line for the file")
    new.add_argument("name", help="whose it is: what it makes belongs to the name")
    new.add_argument("--scope", action="append", choices=SCOPES, help="what it may do; default: read and write")
    new.add_argument("--expires", metavar="DATE", help="from when on it is good no more, as 2027-12-31")
    for name in LIMITS:
        new.add_argument(
            f"--{name.replace('_', '-')}", metavar="N", help="its limit, 0 for none; default: the server's"
        )
    new.set_defaults(run=_new)
    check = about.add_parser("check", help="say what a file of tokens says, or what is wrong with it")
    check.add_argument("file", type=Path, help="what API_TOKENS_FILE names")
    check.set_defaults(run=_check)


def _new(options: argparse.Namespace) -> None:
    secret = new_token()
    limits = {name: getattr(options, name) for name in LIMITS if getattr(options, name) is not None}
    try:
        token = Token(
            digest=digest_of_token(secret),
            owner=owner_of(options.name),
            scopes=frozenset(options.scope or ("read", "write")),
            limits=checked_limits(limits),
            **({} if options.expires is None else {"expires_at": checked_end(options.expires)}),
        )
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    print("The token, which nobody can show again:", file=sys.stderr)
    print(secret)
    print("The line for API_TOKENS_FILE:", file=sys.stderr)
    print(line_of(token))
    _warn_of_readers((token,))


def _check(options: argparse.Namespace) -> None:
    try:
        found = read_tokens(options.file)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{options.file}: {said(error)}") from None
    print("\n".join(_line(each) for each in found))
    _warn_of_readers(found)


def _warn_of_readers(tokens: Iterable[Token]) -> None:
    """Say which names may read and not write: jobs belong to the name that made them, so there is nothing to read."""
    scopes: dict[str, set[str]] = {}
    for each in tokens:
        scopes.setdefault(each.owner, set()).update(each.scopes)
    for owner, found in scopes.items():
        if "read" in found and "write" not in found:
            name = owner.removeprefix(NAMED)
            print(
                f"warning: no token of {name} here may write: jobs belong to the name that made them, and {name} will"
                " see none; to read somebody's jobs, give the token that name",
                file=sys.stderr,
            )


def _line(token: Token) -> str:
    scopes = ",".join(each for each in SCOPES if each in token.scopes)
    line = f"{token.owner.removeprefix(NAMED)}  {scopes}  sha256:{token.digest[:8]}…"
    if token.expires_at == float("inf"):
        return line
    end = datetime.fromtimestamp(token.expires_at, UTC).isoformat(timespec="minutes")
    return f"{line}  {'expired' if token.expires_at <= time.time() else 'expires'} {end}"
