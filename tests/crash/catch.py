"""`make crash-mutants`: make each of the eight design mistakes and see the harness catch it."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.crash.account import Account
from tests.crash.courses import Faults
from tests.crash.harness import Outcome, through_faults, undisturbed
from tests.crash.mishaps import through_a_freeze, through_kills
from tests.crash.models import Models, models_served
from tests.crash.mutants import MUTANTS

FAULTS = (
    "record_step:12:after:kill",
    "record_step:30:before:kill",
    "end_call:60:after:kill",
    "begin_call:90:after:kill",
)
ATTEMPTS: dict[str, Callable[..., Outcome]] = {
    **{fault: partial(through_faults, faults=Faults(runners=(fault,))) for fault in FAULTS},
    "kills at random moments": partial(through_kills, after_s=[0.1, 0.2, 0.05]),
    "a frozen owner": through_a_freeze,
}


def main() -> None:
    missed = []
    with tempfile.TemporaryDirectory() as folder, models_served() as models:
        for mutant, mistake in MUTANTS.items():
            caught = next(attempts(mutant, Path(folder, mutant), models), None)
            print(f"{mutant}: {caught or 'NOT CAUGHT'}  ({mistake.__doc__})", flush=True)
            missed += [] if caught else [mutant]
    if missed:
        raise SystemExit(f"not caught: {', '.join(missed)}")


def attempts(mutant: str, folder: Path, models: Models) -> Iterator[str]:
    """Yield how the mutant was caught, by the first disturbance that shows it."""
    variables = {"MUTANT": mutant}
    reference = undisturbed(folder / "one", models, variables=variables)
    if reference != undisturbed(folder / "two", models, variables=variables):
        yield "two undisturbed runs differ"
    for place, (name, attempt) in enumerate(ATTEMPTS.items()):
        if problems := found_by(partial(attempt, folder / str(place), models, variables=variables), reference):
            yield f"{name}: {'; '.join(problems)}"


def found_by(attempt: Callable[[], Outcome], reference: Account) -> list[str]:
    try:
        return attempt().problems(reference)
    except AssertionError as error:
        return [str(error).partition("\n")[0][:120]]


if __name__ == "__main__":
    main()
