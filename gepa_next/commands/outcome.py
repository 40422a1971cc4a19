"""How a command ends: the exit codes of docs/cli.md, and a line on stderr in place of every traceback."""

import argparse
import os
import sys
from collections.abc import Callable
from enum import IntEnum

from gepa_next.client import ClientError, NoServerError
from gepa_next.commands.interrupting import interruptible


class Exit(IntEnum):
    """The exit codes."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    CANCELLED = 3
    NO_SERVER = 4
    NOT_NOW = 5
    DETACHED = 130
    NOBODY_READS = 141


Command = Callable[[argparse.Namespace], Exit]
EXIT_BY_STATUS = {"finished": Exit.DONE, "failed": Exit.FAILED, "cancelled": Exit.CANCELLED}
_EXIT_BY_HTTP = {
    400: Exit.USAGE,
    413: Exit.USAGE,
    415: Exit.USAGE,
    422: Exit.USAGE,
    404: Exit.NOT_NOW,
    409: Exit.NOT_NOW,
}


_HINTS = {
    "unauthorized": "; set GEPA_NEXT_TOKEN or --token",
    "unreachable": "; does it run there? GEPA_NEXT_URL or --url says where",
}


class UsageError(Exception):
    """Report what the user has to say otherwise."""


def ending(command: Command) -> Callable[[argparse.Namespace], None]:
    """Return the command as something that exits with its code and shows no traceback."""

    def run(options: argparse.Namespace) -> None:
        with interruptible(Exit.DETACHED):
            code = _outcome(command, options)
        raise SystemExit(code)

    return run


def _outcome(command: Command, options: argparse.Namespace) -> Exit:
    try:
        found = command(options)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is flushed at exit goes nowhere
        return Exit.NOBODY_READS
    except KeyboardInterrupt:
        return complain("interrupted", Exit.DETACHED)
    except ClientError as error:
        return complain(_said(error), exit_of(error))
    except OSError as error:
        return complain(f"{error.filename}: {error.strerror}" if error.filename else str(error), Exit.USAGE)
    except (UsageError, ValueError) as error:
        return complain(str(error), Exit.USAGE)
    return found


def exit_of(error: ClientError) -> Exit:
    """Return the exit code for a refusal, or for a server that is not there."""
    if isinstance(error, NoServerError):
        return Exit.NO_SERVER
    return _EXIT_BY_HTTP.get(error.status or 0, Exit.NO_SERVER)


def complain(message: str, code: Exit) -> Exit:
    """Say on stderr what is wrong, and return the code."""
    print(f"gepa-next: {message}", file=sys.stderr)
    return code


def _said(error: ClientError) -> str:
    hint = _HINTS.get(error.code, "")
    request = f" (request {error.request_id})" if error.code == "internal_error" else ""
    return f"{error}{hint}{request}"
