"""What processes use, from /proc: CPU seconds and memory of a process with all that it started."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return the ids of a process and of all its descendants."""
    parents = {each: _parent(each) for each in _everybody()}
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def cpu_s(pids: Iterable[int]) -> float:
    """Return the CPU seconds that the processes have used so far."""
    return sum(int(ticks) for pid in pids for ticks in _stat(pid)[11:13]) / _TICKS_PER_S


def scheduled_s(pids: Iterable[int]) -> float:
    """Return the seconds that the first threads of the processes have run so far, to the nanosecond."""
    return sum(int(Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0]) for pid in pids) / 1e9


def pss_mib(pids: Iterable[int]) -> float:
    """Return the memory of the processes in MiB, what they share counted once."""
    return sum(_pss_kib(pid) for pid in pids) / 1024


def descriptors(pids: Iterable[int]) -> int:
    """Return how many descriptors the processes have open."""
    return sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)


def _everybody() -> list[int]:
    return [int(each.name) for each in Path("/proc").iterdir() if each.name.isdigit()]


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _stat(pid: int) -> list[str]:
    """Return the fields after the command, which may hold spaces; none if the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _pss_kib(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
