"""SQLite's errors: which are the whole file's, and what is said of them."""

import sqlite3

from gepa_next.errors import DamagedError, NoRoomError, StoreError

_OF_THE_FILE = {
    sqlite3.SQLITE_PERM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_INTERRUPT,
    sqlite3.SQLITE_IOERR, sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOTADB,
}  # fmt: skip


def primary_code(error: BaseException) -> int:
    """Return SQLite's own code of the error, 0 if it has none, as those of the Python module."""
    # Extended codes, of which there are several for busy, hold it in their last byte.
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def is_of_the_file(error: BaseException) -> bool:
    """Say whether everybody would meet the error just now, and not only who reads or writes the same rows."""
    return primary_code(error) in _OF_THE_FILE


def explained(error: sqlite3.Error | OSError) -> StoreError:
    """Return the error as users see it."""
    code, told = primary_code(error), str(error)
    if not code and "UTF-8" in told:  # and it quotes the text, which is not for the log
        return DamagedError("the database is damaged: a text in it is not UTF-8")
    if code == sqlite3.SQLITE_CORRUPT:
        return DamagedError(f"the database is damaged: {told}")
    if code == sqlite3.SQLITE_FULL:
        return NoRoomError(f"the database cannot be used: {told}")
    if code == sqlite3.SQLITE_IOERR:
        return NoRoomError(f"the database cannot be used: {told}; the disk may be full")
    return StoreError("store_unavailable", f"the database cannot be used: {told}")


def of_unit(error: Exception) -> Exception:
    """Return what is said of one unit's own error: a broken constraint and wrong use of SQLite are said as they are."""
    is_stored = isinstance(error, sqlite3.OperationalError) or primary_code(error) == sqlite3.SQLITE_CORRUPT
    return explained(error) if is_stored and isinstance(error, sqlite3.Error) else error
