"""The lines of a file of tokens: a name, scopes, a token or its digest, an end and limits."""

import math
import re
import secrets
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

SCOPES = ("read", "write", "admin")
DIGEST = "sha256:"
FEWEST_CHARACTERS = 20
MOST = 10**9
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_TOKEN = re.compile(r"[!-~]+")
_NUMBER = re.compile(r"[0-9]{1,13}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenLimits:
    """What the owner of a token may have; None is what the server has for everybody, 0 is no limit."""

    requests_per_min: int | None = None
    jobs: int | None = None
    streams: int | None = None
    examples: int | None = None
    stored_mb: int | None = None


LIMITS = tuple(asdict(TokenLimits()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: never the token itself. What it makes belongs to its owner."""

    digest: str
    owner: str
    scopes: frozenset[str]
    expires_at: float = math.inf
    limits: TokenLimits = field(default_factory=TokenLimits)


def digest_of_token(token: str) -> str:
    """Return what a token is known by. The digest is looked up, never the token compared: the time says nothing."""
    return sha256(token.strip().encode("utf-8", "surrogatepass")).hexdigest()  # bytes of any kind have a digest


def new_token() -> str:
    """Return a token that nobody guesses: 256 random bits."""
    return f"gn_{secrets.token_urlsafe(32)}"


def read_lines(text: str, *, taken: Container[str] = ()) -> tuple[Token, ...]:
    """Return the tokens; ValueError names the line that is wrong, and never what stands in it.

    Digests that are `taken` must not be given another owner.
    """
    found: dict[str, Token] = {}
    limits: dict[str, TokenLimits] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        words = _words(line)
        if not words:
            continue
        try:
            token = _token(words)
            if token.digest in found or token.digest in taken:
                raise ValueError("this token is given twice")  # noqa: TRY301 - told with its line like all others
            if limits.setdefault(token.owner, token.limits) != token.limits:
                raise ValueError("the tokens of one name have other limits")  # noqa: TRY301 - as above
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        found[token.digest] = token
    if not found:
        raise ValueError("there is no token in it")
    return tuple(found.values())


def line_of(token: Token) -> str:
    """Return the line that says all of a token but the token."""
    words = [token.owner.removeprefix(NAMED), ",".join(each for each in SCOPES if each in token.scopes)]
    words.append(f"{DIGEST}{token.digest}")
    if token.expires_at < math.inf:
        words.append(f"expires={datetime.fromtimestamp(token.expires_at, UTC).isoformat().replace('+00:00', 'Z')}")
    return " ".join([*words, *words_of_limits(token.limits)])


def words_of_limits(limits: TokenLimits) -> list[str]:
    """Return the limits as a line states them, without those that are the server's for everybody."""
    return [f"{name}={n}" for name, n in asdict(limits).items() if n is not None]


NAMED = "name/"  # before the name of an owner; owners without one have a hexadecimal number


def owner_of(name: str) -> str:
    """Return what the jobs of a name belong to; ValueError if it is none."""
    if not NAME.fullmatch(name):
        raise ValueError("a name is 1 to 64 of the characters A-Z a-z 0-9 . _ - and begins with a letter or digit")
    return f"{NAMED}{name}"


def checked_scopes(scopes: str) -> frozenset[str]:
    """Return the scopes that stand between commas."""
    found = frozenset(scopes.split(","))
    if not found <= set(SCOPES):
        raise ValueError(f"scopes are {', '.join(SCOPES)}, with commas and without blanks")
    return found


def checked_end(text: str) -> float:
    """Return a date or time in epoch seconds; UTC unless it says otherwise."""
    try:
        end = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expires is a date as 2027-12-31, or a time as 2027-12-31T18:00Z") from None
    return (end if end.tzinfo else end.replace(tzinfo=UTC)).timestamp()


def _words(line: str) -> list[str]:
    words = line.split()
    return words[: next((place for place, each in enumerate(words) if each.startswith("#")), None)]


def _token(words: list[str]) -> Token:
    if len(words) < 3:  # noqa: PLR2004 - the three that are said next
        raise ValueError("a line is NAME SCOPES TOKEN, and then perhaps expires=… and limits")
    name, scopes, secret, *rest = words
    options = dict(each.partition("=")[::2] for each in rest)
    if len(options) < len(rest):
        raise ValueError("something is said twice")
    end = options.pop("expires", None)
    return Token(
        digest=_digest(secret),
        owner=owner_of(name),
        scopes=checked_scopes(scopes),
        expires_at=math.inf if end is None else checked_end(end),
        limits=checked_limits(options),
    )


def _digest(secret: str) -> str:
    if secret.startswith(DIGEST):
        digest = secret.removeprefix(DIGEST)
        if not _DIGEST.fullmatch(digest):
            raise ValueError(f"after {DIGEST} come 64 characters of 0-9 a-f")
        return digest
    if len(secret) < FEWEST_CHARACTERS or not _TOKEN.fullmatch(secret):
        raise ValueError(f"a token is {FEWEST_CHARACTERS} or more visible ASCII characters")
    return digest_of_token(secret)


def checked_limits(options: dict[str, str]) -> TokenLimits:
    """Return the limits of that text; ValueError names one that is none, or no number."""
    for name, value in options.items():
        if name not in LIMITS:
            raise ValueError(f"after the token come expires and {', '.join(LIMITS)}, each with = and a value")
        if not _NUMBER.fullmatch(value) or int(value) > MOST:
            raise ValueError(f"{name} is a whole number, 0 for no limit")
    return TokenLimits(**{name: int(value) for name, value in options.items()})
