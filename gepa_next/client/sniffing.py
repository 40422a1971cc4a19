"""What a file is, by its first bytes."""

import codecs
from collections.abc import Sequence

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "windows-1252")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SIGNATURES: Sequence[tuple[bytes, str]] = (
    (b"\x1f\x8b", "a gzip archive: unpack it first"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx, .ods): unpack it, or save the sheet as CSV"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the file: fetch it with git lfs pull"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Office document (.xls): save the sheet as CSV"),
    (b"BZh", "a bzip2 archive: unpack it first"),
    (b"\xfd7zXZ\0", "an xz archive: unpack it first"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive: unpack it first"),
    (b"%PDF", "a PDF document"),
    (b"SQLite format 3\0", "a SQLite database"),
    (b"PAR1", "a Parquet file: export it as CSV or JSON lines"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x7fELF", "a program"),
    (b"\xff\xfe\0\0", "text in UTF-32: save it as UTF-8"),
)
_MARKUP = ((b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"<?xml", "an XML document"))


class FileError(ValueError):
    """Report a file that cannot be read as rows."""


def encoding_of(head: bytes, said: str | None) -> tuple[str, int]:
    """Return the encoding, and the length of the mark before the text; FileError for what is no text."""
    if name := what_it_is(head):
        raise FileError(f"this is {name}")
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, len(mark)
    if said == "utf-16":
        raise FileError("UTF-16 without a mark at its beginning: say --encoding utf-16-le or utf-16-be")
    if said is None and b"\0" in head:
        raise FileError(_with_nul(head))
    return said or "utf-8", 0


def what_it_is(head: bytes) -> str | None:
    """Return what begins so, if it is something that holds no rows."""
    start = head[:1000].lstrip().lower()
    kinds = [name for signature, name in _SIGNATURES if head.startswith(signature)]
    return next(iter([*kinds, *(name for markup, name in _MARKUP if start.startswith(markup))]), None)


def _with_nul(head: bytes) -> str:
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        if head[start::2].count(0) > len(head) // 4 > 2 * head[1 - start :: 2].count(0):
            return f"this looks like UTF-16 without a mark: say --encoding {encoding}"
    return "this is a binary file, not text"
