"""Processes: children that do not outlive their parent, and a runner that is kept alive."""

import ctypes
import logging
import os
import resource
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

log = logging.getLogger(__name__)

PR_SET_PDEATHSIG = 1
START_TIME = 19  # field 22 of proc(5) stat, counted after the name
PARENT_VARIABLE = "GEPA_NEXT_PARENT_PID"
SHORTEST_WAIT_S = 0.5
LONGEST_WAIT_S = 30.0
STABLE_S = 10.0
NOTIFY_VARIABLE = "NOTIFY_SOCKET"
PULSE_VARIABLE = "GEPA_NEXT_PULSE_FD"
PULSE_S = 1.0
STARTS_S = 60.0  # until the first beat: imports take long on a busy machine
HANGS_S = 8.0
CONFIRM_S = 2.0
READ_BYTES = 4096


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies; exit at once if it has died already.

    The parent is the process named by GEPA_NEXT_PARENT_PID; without it this is nobody's child.
    """
    parent = os.environ.get(PARENT_VARIABLE)
    if parent is None:
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != int(parent):
        raise SystemExit("the parent process is gone")


def has_parent() -> bool:
    """Say whether this process was started by one that it is to die with."""
    return PARENT_VARIABLE in os.environ


def parent_is_gone() -> bool:
    """Say whether the parent that this process was to die with has died."""
    parent = os.environ.get(PARENT_VARIABLE)
    return parent is not None and os.getppid() != int(parent)


def allow_descriptors(wanted: int) -> int:
    """Raise how many descriptors this process and its children may open to so many, as far as may be; return it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft == resource.RLIM_INFINITY or soft >= allowed:
        return soft if soft != resource.RLIM_INFINITY else wanted
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
    return allowed


def started_at(pid: int) -> int | None:
    """Return when the process started, in clock ticks since the boot; None if there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rpartition(")")[2].split()[START_TIME])


def kill_if_same(pid: int, *, pid_started_at: int) -> bool:
    """Kill the process, unless it is gone or the pid is another's by now; say whether it was killed."""
    if started_at(pid) != pid_started_at:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def tell_service_manager(state: str) -> None:
    """Send systemd the state (sd_notify(3)) if it started this process and waits for it; children say nothing."""
    address = os.environ.get(NOTIFY_VARIABLE, "")
    if not address or has_parent():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told, suppress(OSError):
        told.sendto(state.encode(), f"\0{address[1:]}" if address.startswith("@") else address)


class RunnerKeeper:
    """Keeps one runner process alive from a thread of its parent; whoever starts it stops it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        # A fork in another thread while a child is spawned would inherit the pipe that Popen reads to its end.
        self._spawning = threading.Lock()
        os.register_at_fork(
            before=self._spawning.acquire,
            after_in_parent=self._spawning.release,
            after_in_child=self._spawning.release,
        )
        # PDEATHSIG follows the thread that forked: this one lives as long as the process.
        self._thread = threading.Thread(target=self._keep, name="runner-keeper", daemon=True)

    def start(self) -> None:
        """Start the runner, and again whenever it dies."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Have the runner drain and wait for its end; kill it when it takes longer."""
        self._stopping.set()
        if not self._thread.is_alive():
            return
        if self._child is not None and self._child.poll() is None:
            self._child.terminate()
        self._thread.join(timeout_s)
        if self._child is not None and self._child.poll() is None:
            self._child.kill()

    def _keep(self) -> None:
        wait_s = SHORTEST_WAIT_S
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                self._run_once()
            except Exception:  # the edge of a thread: nobody else would start the runner
                log.exception("the runner cannot be started")
            wait_s = SHORTEST_WAIT_S if time.monotonic() - began > STABLE_S else min(2 * wait_s, LONGEST_WAIT_S)
            if not self._stopping.wait(wait_s):
                log.warning("the runner ended; it is started again")

    def _run_once(self) -> None:
        with self._spawning, _pipe() as (reading, writing):
            environment = {**os.environ, PARENT_VARIABLE: str(os.getpid()), PULSE_VARIABLE: str(writing)}
            # A session of its own: Ctrl-C in a terminal is for the parent, which then has the runner drain.
            self._child = subprocess.Popen(  # noqa: S603 - our own command
                self._command, env=environment, start_new_session=True, pass_fds=[writing]
            )
        if self._stopping.is_set():
            self._child.terminate()
        with os.fdopen(reading, "rb", buffering=0) as pulse:
            if not _beats_to_its_end(pulse):
                log.error("the runner hangs and is killed")
                self._child.kill()
        self._child.wait()


@contextmanager
def _pipe() -> Iterator[tuple[int, int]]:
    """Yield both ends of a pipe, of which the writing one is the child's from then on."""
    reading, writing = os.pipe()
    try:
        yield reading, writing
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)


def _beats_to_its_end(pulse: IO[bytes]) -> bool:
    """Read the pulse until the process ends; False when it stays away for long, and for a while more.

    The second look is for a pause of the whole machine, after which everybody is late once.
    """
    for patience_s in (STARTS_S, CONFIRM_S):
        while select.select([pulse], [], [], patience_s)[0]:
            if not pulse.read(READ_BYTES):
                return True
            patience_s = HANGS_S  # noqa: PLW2901 - it beats again
    return False


def tell_parent() -> None:
    """Tell the parent that this process is alive, if the parent asked for it; to be said every PULSE_S."""
    descriptor = os.environ.get(PULSE_VARIABLE)
    if descriptor is not None:
        with suppress(OSError):  # the parent is gone: PDEATHSIG sees to the rest
            os.write(int(descriptor), b".")
