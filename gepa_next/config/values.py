"""The values of settings that are more than a number or a text: how each is read, and what is refused."""

import json
import re
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from gepa_next.llm.pricing import Prices
from gepa_next.llm.program_urls import ProgramUrls

_SCHEDULER = re.compile(r"(tcp|tls)://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_TOKEN = re.compile(r"[!-~]+")
# As browsers send it: lower case, no path, no port that the scheme implies.
_ORIGIN = re.compile(
    r"(?!http://[^/]*:80$|https://[^/]*:443$)[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)


def _listed(value: object) -> object:
    """Read a JSON list or a comma-separated one."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    return json.loads(text) if text.startswith("[") else [part.strip() for part in text.split(",") if part.strip()]


def _priced(value: object) -> object:
    """Read a table of prices from JSON, refusing what could only be a slip."""
    try:
        table = json.loads(value, object_pairs_hook=_each_once) if isinstance(value, str) else value
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(table, dict):
        raise ValueError("a JSON object: model ids with their prices")  # noqa: TRY004 - what pydantic expects
    Prices.from_mapping(table)
    return table


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is given twice")
    return found


def _sendable(tokens: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not all(_TOKEN.fullmatch(token.get_secret_value()) for token in tokens):
        raise ValueError("a token is one or more visible ASCII characters")
    return tokens


def _origins(given: tuple[str, ...]) -> tuple[str, ...]:
    for each in given:
        if not _ORIGIN.fullmatch(each):
            raise ValueError(
                f"{each!r} is not an origin: https://HOST or https://HOST:PORT, in lower case, with no path"
                " and no port 80 or 443 that goes without saying"
            )
    return given


def _programs(urls: tuple[str, ...]) -> tuple[str, ...]:
    for each in urls:
        try:
            ProgramUrls((each,))
        except ValueError as error:
            raise ValueError(f"{each!r}: {error}") from None
    return urls


def _scheduler(address: str) -> str:
    if address and not _SCHEDULER.fullmatch(address):
        raise ValueError("the address of a Dask scheduler: tcp://HOST:PORT or tls://HOST:PORT")
    if address and find_spec("distributed") is None:
        raise ValueError("Dask is not installed: pip install 'gepa-next[dask]'")
    return address


def _certificates(path: str) -> str:
    try:
        if path and b"-----BEGIN CERTIFICATE-----" not in Path(path).read_bytes():
            raise ValueError("there are no PEM certificates in it")
    except OSError as error:
        raise ValueError(f"it cannot be read: {error.strerror}") from None
    return path


_LISTED = BeforeValidator(_listed)
Tokens = Annotated[tuple[SecretStr, ...], NoDecode, _LISTED, AfterValidator(_sendable)]
Origins = Annotated[tuple[str, ...], NoDecode, _LISTED, AfterValidator(_origins)]
Programs = Annotated[tuple[str, ...], NoDecode, _LISTED, AfterValidator(_programs)]
PriceTable = Annotated[dict[str, dict[str, float]], NoDecode, BeforeValidator(_priced)]
Scheduler = Annotated[str, AfterValidator(_scheduler)]
Certificates = Annotated[str, AfterValidator(_certificates)]
