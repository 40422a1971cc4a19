"""What a result was made by: a hash of the sources that it depends on, so that results of two engines never mix."""

from functools import cache
from hashlib import sha256
from pathlib import Path

import gepa_next.gepa

HERE = Path(__file__).parent
ENGINE = Path(gepa_next.gepa.__file__).parent
TASKS = ("families", "models", "reflector", "world")
OPTIMISERS = {"ours": ("ours", "ablations"), "climb": ("climb",), "reference": ("reference",)}
DIGITS = 12


def optimiser_of(system: str) -> str:
    """Return whose search a system is: `ours`, `climb` or `reference`."""
    return next(each for each in OPTIMISERS if system.startswith(each))


@cache
def made_by(system: str, module: str) -> str:
    """Return a short hash of the tasks, the module that measures, the optimiser, and for ours the engine."""
    optimiser = optimiser_of(system)
    files = [HERE / f"{name}.py" for name in (*TASKS, module, *OPTIMISERS[optimiser])]
    if optimiser == "ours":
        files += sorted(each for each in ENGINE.rglob("*") if each.suffix in {".py", ".md"})
    texts = (f"{each.name}\0{each.read_text(encoding='utf-8')}\0" for each in files)
    return sha256("".join(texts).encode()).hexdigest()[:DIGITS]
