"""The key of tickets: made once, kept in a file of its own, so that no digest alone makes a ticket."""

import secrets
from contextlib import suppress
from pathlib import Path

from gepa_next.tokens.private_file import read_private, write_private

_BYTES = 32


def ticket_key(path: Path) -> bytes:
    """Return the key in the file, made if there is none; ValueError if what is there cannot be one."""
    with suppress(FileExistsError):  # another process was first
        if not path.exists():
            write_private(path, secrets.token_hex(_BYTES), over=False)
    try:
        key = bytes.fromhex(read_private(path)[0])
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if len(key) != _BYTES:
        raise ValueError(f"{path}: it is no key; remove it, and everybody logs in anew")
    return key
