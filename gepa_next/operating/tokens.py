"""Commands about tokens: make one, and look at a file of them."""

import argparse
import math
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime

from gepa_next.errors import ConfigurationError
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
    words_of_limits,
)


def make_token(options: argparse.Namespace) -> None:
    """Print a new token, once, and the line for the file."""
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


def check_tokens(options: argparse.Namespace) -> None:
    """Say what a file of tokens says."""
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
    parts = [token.owner.removeprefix(NAMED), scopes, f"sha256:{token.digest[:8]}…"]
    if token.expires_at < math.inf:
        end = datetime.fromtimestamp(token.expires_at, UTC).isoformat(timespec="minutes")
        parts.append(f"{'expired' if token.expires_at <= time.time() else 'expires'} {end}")
    return "  ".join([*parts, *words_of_limits(token.limits)])
