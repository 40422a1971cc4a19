"""Logs: one line for each thing, as JSON or as text, without secrets, and with what it is about."""

import json
import logging
import re
import sys
import threading
import time
from collections.abc import Collection, Mapping
from contextvars import ContextVar
from functools import lru_cache
from types import MappingProxyType, TracebackType
from typing import Literal

from gepa_next.llm.redaction import LEAST_SECRET_CHARS, spelled

Style = Literal["auto", "json", "text"]
Facts = Mapping[str, str | int | float]

FACTS = ("request_id", "job_id", "epoch", "method", "route", "status", "duration_ms", "owner", "address")
SAID_IN_TEXT = frozenset({"method", "route", "status"})  # by the message of a request's line
HIDDEN = "(secret)"
SHORT_CHARS, KNOWN_TEXTS = 100, 512
HALF_ESCAPED = "\\ud"  # as JSON begins half a character, and the halves of a whole one
# Not known by their value: tokens of a file, of which there are digests only, and what is made of them.
_SHOWN_AS = (
    r"(?i:\bbearer[ \t]+|\bauthorization[\"']?[ \t]*[:=][ \t]*[\"']?(?:(?:basic|bearer|digest|token)[ \t]+)?"
    r"|\bapi[-_]?key[\"']?[ \t]*[:=][ \t]*[\"']?|\bstream_token(?:=|%3d)|\bgepa_next_session=)"
)
_PATTERNS = (rf"(?P<kept>{_SHOWN_AS})[^\s\"'&,;]+", r"\bgn_[A-Za-z0-9_-]{20,}", r"\bsk-[A-Za-z0-9_-]{16,}")
# Ends of lines, what a terminal obeys, what turns the direction of writing, and what UTF-8 has no bytes for.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_LONE = re.compile("[\ud800-\udfff]")

log = logging.getLogger(__name__)
_about: ContextVar[Facts] = ContextVar("about", default=MappingProxyType({}))


def begin(**facts: str) -> None:
    """Have every line of this context say these facts, and no others, from now on."""
    _about.set(facts)


def set_up(*, level: str, style: Style, secrets: Collection[str]) -> None:
    """Write what this process logs from `level` on to standard error, warnings and uncaught errors too."""
    handler = logging.StreamHandler()
    handler.setFormatter(formatter(style, secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)  # noqa: FBT003 - it has no name
    # What no line says is not looked for, as Python's manual describes.
    logging.logThreads = logging.logMultiprocessing = False
    logging._srcfile = None  # noqa: SLF001 - the switch that the manual names
    sys.excepthook = _tell_uncaught
    threading.excepthook = _tell_uncaught_of_thread


def formatter(style: Style, secrets: Collection[str]) -> logging.Formatter:
    """Return what makes the lines; of itself, text for a terminal on standard error and JSON for all else."""
    if style == "auto":
        style = "text" if sys.stderr.isatty() else "json"
    return JsonLines(secrets) if style == "json" else TextLines(secrets)


class _Lines(logging.Formatter):
    """What both kinds of lines have in common; secrets shorter than LEAST_SECRET_CHARS are none."""

    def __init__(self, secrets: Collection[str]) -> None:
        super().__init__()
        known = (spelled(each) for each in sorted(secrets, key=len, reverse=True) if len(each) >= LEAST_SECRET_CHARS)
        self._secret = re.compile("|".join([*known, *_PATTERNS]))
        self._hide_again = lru_cache(maxsize=KNOWN_TEXTS)(self._hide)

    def _hide(self, text: str) -> str:
        return self._secret.sub(lambda found: (found["kept"] or "") + HIDDEN, text)

    def _hide_short(self, text: str) -> str:
        """Hide what is secret in a text such as many lines have."""
        return self._hide_again(text) if len(text) <= SHORT_CHARS else self._hide(text)

    def _message(self, record: logging.LogRecord) -> str:
        try:
            return self._hide_short(record.getMessage())
        except Exception:  # noqa: BLE001 - logging would print its arguments, secrets and all
            return self._hide(f"{record.msg} (without what it should say)")

    def _facts(self, record: logging.LogRecord) -> dict[str, str | int | float]:
        about, own, said = _about.get(), vars(record), {}
        for name in FACTS:
            value = own.get(name, about.get(name, ""))
            if value != "":
                said[name] = self._hide_short(value) if isinstance(value, str) else value
        return said

    def _trace(self, record: logging.LogRecord) -> str:
        """Return the trace of what was raised; empty if nothing was."""
        error = record.exc_info
        return self._hide(self.formatException(error)) if error and error[1] is not None else ""


class JsonLines(_Lines):
    """One JSON object a line, in ASCII: `ts` in epoch seconds, level, logger, message, facts, and the trace."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        said: dict[str, str | int | float] = {
            "ts": round(record.created, 6),
            "level": record.levelname,
            "logger": record.name,
            "pid": record.process or 0,
            "message": self._message(record),
            **self._facts(record),
        }
        if trace := self._trace(record):
            said["trace"] = trace
        line = json.dumps(said)
        if HALF_ESCAPED not in line:
            return line
        # Strict readers refuse a whole line for half a character.
        return json.dumps({name: _whole(value) for name, value in said.items()})


class TextLines(_Lines):
    """A line for people; a trace follows it, indented, so that nothing in it looks like a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, and those of the trace."""
        at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        facts = [f"{name}={value}" for name, value in self._facts(record).items() if name not in SAID_IN_TEXT]
        head = f"{at}.{int(record.msecs):03d}Z {record.levelname} {record.name} [{record.process}]"
        first = " ".join([head, self._message(record), *facts])
        trace = self._trace(record)
        return "\n    ".join(map(_printable, [first, *(trace.split("\n") if trace else [])]))


def _whole(value: str | float) -> str | float:
    return value if not isinstance(value, str) or value.isascii() else _LONE.sub("\ufffd", value)


def _printable(text: str) -> str:
    return _UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        log.critical("an error that nobody caught", exc_info=(kind, error, trace))


def _tell_uncaught_of_thread(ended: threading.ExceptHookArgs) -> None:
    name = ended.thread.name if ended.thread is not None else "a thread"
    error = ended.exc_value
    log.critical("%s ended by an error", name, exc_info=(ended.exc_type, error, ended.exc_traceback) if error else None)
