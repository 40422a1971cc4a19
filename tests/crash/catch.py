"""`make crash-mutants`: make each of the eight design mistakes and see the harness catch it."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.crash.harness import (
    Models,
    Outcome,
    models_served,
    through_a_freeze,
    through_faults,
    through_kills,
    undisturbed,
)
from tests.crash.mutants import MUTANTS

FAULTS = (
    "record_step:12:after:kill",
    "record_step:30:before:kill",
    "end_call:60:after:kill",
    "begin_call:90:after:kill",
)


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
    reference = undisturbed(folder / "one", models, MUTANT=mutant)
    if reference != undisturbed(folder / "two", models, MUTANT=mutant):
        yield "two undisturbed runs differ"
    tries = [lambda fault=fault: through_faults(folder / fault.replace(":", "-"), models, [fault], MUTANT=mutant)
             for fault in FAULTS]  # fmt: skip
    tries += [
        lambda: through_kills(folder / "kills", models, [0.1, 0.2, 0.05], MUTANT=mutant),
        lambda: frozen(folder / "freeze", models, MUTANT=mutant),
    ]
    names = [*FAULTS, "kills at random moments", "a frozen owner"]
    for name, attempt in zip(names, tries, strict=True):
        try:
            problems = attempt().problems(reference, kills=3 if "random" in name else 1)
        except AssertionError as error:
            problems = [str(error).partition("\n")[0][:120]]
        if problems:
            yield f"{name}: {'; '.join(problems)}"


def frozen(folder: Path, models: Models, **variables: str) -> Outcome:
    models.answer_after(0.05)
    try:
        return through_a_freeze(folder, models, **variables)
    finally:
        models.answer_after(0.0)


if __name__ == "__main__":
    main()
