"""Who is compared: ours, the hill climb, the reference in several settings, and ours without each of its ideas."""

from benchmarks.search.ablations import IDEAS

OURS = "ours"
CLIMB = "climb"
DEFAULT = "reference"
GREEDY = "reference-greedy"
RIVALS = (DEFAULT, GREEDY, CLIMB)  # whom ours must never be worse than
SETTINGS = (
    DEFAULT,
    GREEDY,
    "reference-epsilon",
    "reference-top-k",
    "reference-six",
    "reference-greedy-six",
    "reference-epsilon-six",
    "reference-best-of-four",
    "reference-greedy-best-of-four",
    "reference-four-parents",
    "reference-merge",
    "reference-epsilon-six-merge",  # the best on tuning seeds: docs/search.md
    "reference-equal",
)
ALL_SETTINGS = (
    *SETTINGS,  # and those that were looked at on tuning seeds only
    "reference-top-k-six",
    "reference-greedy-six-best-of-four",
    "reference-top-k-four-parents",
    "reference-greedy-merge",
    "reference-six-merge",
    "reference-greedy-six-merge",
    "reference-top-k-six-merge",
    "reference-greedy-best-of-four-merge",
    "reference-greedy-equal",
)
WITHOUT = tuple(f"{OURS} without {idea}" for idea in IDEAS)
COMPARED = (OURS, CLIMB, *SETTINGS, *WITHOUT)
