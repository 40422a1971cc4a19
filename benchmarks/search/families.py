"""The families of simulated tasks: what differs between them, and the ones kept apart for tuning."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What a kind of task and its models are like; probabilities and scores lie in [0, 1]."""

    name: str
    says: str
    examples: int = 60
    acts: int = 14
    topics: int = 4
    acts_per_example: int = 4
    opposed: float = 0.0  # share of a topic's acts that another topic forbids
    known: float = 0.0  # share of the right rules that the seed prompt states
    ideals: bool = False
    binary: bool = False
    shortcut: bool = False
    clutter: float = 0.03  # what an act costs that nobody asked for
    fidelity: float = 0.95  # how likely the target does what the prompt says
    capacity_words: int = 400  # beyond it, the target overlooks more the longer the prompt is
    judge_noise: float = 0.05
    skill: float = 0.7  # how likely the reflector reads one piece of feedback rightly
    idle: float = 0.2  # how likely it rewrites without changing anything
    narrow: float = 0.15  # how likely it states a rule for the topic only
    loss: float = 0.02  # how likely it loses a line when it rewrites
    filler_words: int = 6  # how much it writes about each new rule
    max_rollouts: int = 1200


REPORTED = (
    Family(name="additive", says="each example needs 4 of 14 acts, each earns a share"),
    Family(
        name="conflict",
        says="what one topic wants, another forbids; rules must be stated by topic",
        acts=16,
        acts_per_example=3,
        opposed=0.8,
        narrow=0.4,
        max_rollouts=2400,
    ),
    Family(
        name="noisy",
        says="the target follows two rules of three, the judge errs by 0.2, half the proposals are worthless",
        fidelity=0.7,
        judge_noise=0.2,
        idle=0.4,
        skill=0.6,
    ),
    Family(name="few", says="12 examples in all, with answers", examples=12, acts=10, ideals=True),
    Family(
        name="good",
        says="the seed prompt states 85 % of the rules, and proposals mostly harm",
        acts=20,
        known=0.85,
        clutter=0.08,
        idle=0.3,
        skill=0.5,
        loss=0.04,
    ),
    Family(name="binary", says="1 if everything is right, else 0", binary=True, acts=8, acts_per_example=3),
    Family(
        name="deceptive",
        says="a shortcut earns half at once and makes every other rule worthless",
        shortcut=True,
        acts=8,
        acts_per_example=4,
    ),
    Family(
        name="dilution",
        says="the target overlooks more of a long prompt, and the reflector is verbose",
        acts=18,
        capacity_words=90,
        filler_words=14,
        ideals=True,
    ),
)

# Other sizes, other noise, other models, and seeds of their own: what was tuned was tuned on these.
_TUNING = {
    "additive": {"acts": 18, "acts_per_example": 5, "examples": 80, "skill": 0.65, "judge_noise": 0.03},
    "conflict": {"acts": 12, "topics": 3, "opposed": 1.0, "examples": 48, "narrow": 0.3},
    "noisy": {"fidelity": 0.8, "judge_noise": 0.15, "acts": 10, "idle": 0.5, "skill": 0.7},
    "few": {"examples": 10, "acts": 8, "acts_per_example": 3},
    "good": {"acts": 16, "known": 0.75, "clutter": 0.06, "loss": 0.06},
    "binary": {"acts": 10, "fidelity": 0.98, "examples": 80},
    "deceptive": {"acts": 10, "acts_per_example": 5, "topics": 5},
    "dilution": {"acts": 14, "capacity_words": 120, "filler_words": 20},
}
TUNING = tuple(replace(each, **_TUNING[each.name]) for each in REPORTED)  # type: ignore[arg-type] # the fields' own types
FIRST_SEED = {"reported": 1000, "tuning": 1}


def families(kind: str) -> dict[str, Family]:
    """Return the `reported` or the `tuning` families by name."""
    return {each.name: each for each in (REPORTED if kind == "reported" else TUNING)}
