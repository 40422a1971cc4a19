"""The command line, from its first moment on: Ctrl-C ends it without a trace, also while it loads."""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType

INTERRUPTED = 130

Handler = Callable[[int, FrameType | None], object] | int | None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; without one, serve."""
    handler = leave_at_once()
    try:
        # Imported here: it takes most of the time that a short command takes.
        from gepa_next.cli.command import carry_out, parsed  # noqa: PLC0415

        options = parsed(list(sys.argv[1:] if arguments is None else arguments))
    finally:
        signal.signal(signal.SIGINT, handler)
    try:
        carry_out(options)
    except KeyboardInterrupt:
        _leave(signal.SIGINT, None)


def leave_at_once() -> Handler:
    """Have Ctrl-C end the process unless it is ignored, and return what took it before.

    An exception would not do: one that is raised while a module loads may be lost there.
    """
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)
    return handler


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.stderr.write("gepa-next: interrupted\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)
