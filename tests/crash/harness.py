"""Runs courses through faults and compares them with those that nothing disturbed."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from tests.crash.account import Account
from tests.crash.books import problems_of_books, unknown_calls
from tests.crash.courses import JOB_COURSES, NONE, SAME_END, Faults, account
from tests.crash.crowd import crowded
from tests.crash.housework import HOUSEWORK
from tests.crash.models import Models
from tests.crash.stage import CONCURRENCY, Stage, stage

Variables = Mapping[str, str]
LONGEST_SHOWN = 300
COURSES = JOB_COURSES | HOUSEWORK | {crowded.__name__: crowded}


@dataclass(frozen=True)
class Outcome:
    """What a disturbed job came to, and what it cost too much."""

    account: Account
    blows: int
    unknown: int
    bought_again: int
    books: tuple[str, ...]
    sent_when_robbed: int = 0

    def problems(self, reference: Account) -> list[str]:
        """Say what is not as the undisturbed job has it; nothing if all is well."""
        found = [
            f"{name} differ: {first_difference(self.account[name], reference[name])}"
            for name in reference
            if self.account[name] != reference[name]
        ]
        if self.bought_again > self.unknown:
            found.append(f"{self.bought_again} calls bought again, {self.unknown} of unknown outcome")
        if self.unknown > CONCURRENCY * self.blows:
            found.append(f"{self.unknown} calls of unknown outcome")
        if self.sent_when_robbed:
            found.append(f"{self.sent_when_robbed} requests sent by an owner who had lost the job")
        return [*found, *self.books]


def first_difference(mine: object, others: object) -> str:
    """Return the first items of two lists that are not the same, or the values if they are no lists."""
    if isinstance(mine, list) and isinstance(others, list):
        pairs = zip_longest(mine, others, fillvalue="nothing")
        mine, others = next((one, other) for one, other in pairs if one != other)
    return f"{str(mine)[:LONGEST_SHOWN]} is not {str(others)[:LONGEST_SHOWN]}"


def outcome(stage: Stage, found: Account) -> Outcome:
    seen = stage.models.seen()
    return Outcome(
        account=found,
        blows=stage.blows,
        unknown=unknown_calls(stage.database),
        bought_again=seen.bought_again,
        books=tuple(problems_of_books(stage.database, seen)) if "spent" in found else (),
    )


class References:
    """The accounts of undisturbed courses, each made when it is first asked for; threads may share it."""

    def __init__(self, folder: Path, models: Models) -> None:
        self._folder = folder
        self._models = models
        self._accounts: dict[str, Account] = {}
        self._locks = {name: threading.Lock() for name in COURSES}

    def __getitem__(self, course: str) -> Account:
        name = SAME_END.get(course, course)
        with self._locks[name]:
            if name not in self._accounts:
                self._accounts[name] = undisturbed(self._folder / name, self._models, course=name)
            return self._accounts[name]


def undisturbed(
    folder: Path, models: Models, *, course: str = "iterations", variables: Variables | None = None
) -> Account:
    """Return the account of a job that nothing happens to but what belongs to the course."""
    with stage(folder, models, variables) as quiet:
        found = outcome(quiet, COURSES[course](quiet, NONE))
    problems = found.problems(found.account)
    assert not problems, "; ".join(problems)
    return found.account


def through_faults(
    folder: Path, models: Models, faults: Faults, *, course: str = "iterations", variables: Variables | None = None
) -> Outcome:
    """Return the outcome of a course on which the faults strike."""
    with stage(folder, models, variables) as disturbed:
        return outcome(disturbed, COURSES[course](disturbed, faults))


def in_peace(disturbed: Stage) -> Outcome:
    """Return the outcome of a job that is left in peace from now on."""
    if not disturbed.processes:
        disturbed.start_worker()
    disturbed.wait_until_ended()
    return outcome(disturbed, account(disturbed))


def wait_or_end(disturbed: Stage, seconds: float) -> None:
    until = time.monotonic() + seconds
    disturbed.wait_for(lambda: time.monotonic() > until or disturbed.is_over())
