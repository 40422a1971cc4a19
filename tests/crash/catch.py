"""`make crash-mutants`: make each of the nine design mistakes and see the harness catch it."""

import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.crash.account import Account
from tests.crash.courses import NONE, Faults
from tests.crash.harness import Outcome, through_faults
from tests.crash.mishaps import through_a_freeze, through_kills
from tests.crash.models import Models, models_served
from tests.crash.mutants import MUTANTS

CROWDED = Faults(servers=("insert_job:5:before:kill", "cancel_job:4:before:kill"))
FAULTS = (
    "record_step:12:after:kill",
    "record_step:30:before:kill",
    "end_call:60:after:kill",
    "begin_call:90:after:kill",
    "begin_call:50:before:kill",
)
ATTEMPTS: tuple[tuple[str, Callable[..., Outcome]], ...] = (
    *(("kills at commits", partial(through_faults, faults=Faults(runners=(fault,)))) for fault in FAULTS),
    ("kills while many are answered", partial(through_faults, faults=CROWDED, course="crowded")),
    ("kills at random moments", partial(through_kills, after_s=[0.1, 0.2, 0.05])),
    ("a frozen owner", through_a_freeze),
)
LONGEST_SHOWN = 160


def main() -> None:
    missed = []
    with tempfile.TemporaryDirectory() as folder, models_served() as models:
        for mutant, mistake in MUTANTS.items():
            print(f"{mutant}: {mistake.__doc__}", flush=True)
            caught = caught_by(mutant, Path(folder, mutant), models)
            for name, problem in caught.items():
                print(f"  {name}: {problem[:LONGEST_SHOWN]}", flush=True)
            missed += [] if caught else [mutant]
    if missed:
        raise SystemExit(f"not caught: {', '.join(missed)}")


def caught_by(mutant: str, folder: Path, models: Models) -> dict[str, str]:
    """Return the first problem of the mutant that each kind of disturbance shows.

    Where two undisturbed runs differ, there is nothing that a disturbed one could be compared with.
    """
    run = partial(through_faults, models=models, faults=NONE, variables={"MUTANT": mutant})
    reference, again = run(folder / "reference").account, run(folder / "again")
    if problems := again.problems(reference):
        return {"two undisturbed runs": problems[0]}
    caught: dict[str, str] = {}
    for place, (name, attempt) in enumerate(ATTEMPTS):
        if name not in caught:
            disturbed = partial(attempt, folder / str(place), models, variables={"MUTANT": mutant})
            caught.update((name, problem) for problem in problems_of(disturbed, reference)[:1])
    return caught


def problems_of(attempt: Callable[[], Outcome], reference: Account) -> list[str]:
    try:
        return attempt().problems(reference)
    except AssertionError as error:
        return [str(error).partition("\n")[0] or "an assertion failed"]


if __name__ == "__main__":
    main()
