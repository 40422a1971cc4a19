"""Files that nobody else may read: written whole or not at all, and refused if others can read them."""

import os
import secrets
import stat
from pathlib import Path

LARGEST = 1024 * 1024
PRIVATE = 0o600
State = tuple[int, ...]


def state_of(status: os.stat_result) -> State:
    """Return what is another as soon as a file is another."""
    return (status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_size, status.st_mode)


def read_private(path: Path) -> tuple[str, State]:
    """Return the text of a file, and the state it is of; ValueError if it is no text, or others could read it."""
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISDIR(status.st_mode) or status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            raise ValueError("others may read or write it; chmod 600 it")
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise ValueError(f"it is larger than {LARGEST} bytes")
    try:
        return data.decode("utf-8-sig"), state_of(status)
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None


def write_private(path: Path, text: str, *, over: bool) -> None:
    """Write a file that only its owner reads; FileExistsError if there is one, unless it is to be written over."""
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if over:
            part.replace(path)
        else:
            os.link(part, path)
    finally:
        part.unlink(missing_ok=True)
