"""The shapes in which judge, reflector and programs answer; a reply that does not fit is refused."""

from dataclasses import dataclass

SCORE_POINTS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeReply:
    """The judge's reading of one output: feedback first, then whole points from 0 to 10."""

    feedback: str
    score: int

    def __post_init__(self) -> None:
        if not 0 <= self.score <= SCORE_POINTS:
            raise ValueError(f"score must be from 0 to {SCORE_POINTS}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramReply:
    """A program's answer to one input; `score` is whatever it states, for nobody believes it unread."""

    output: str
    score: object = None
    feedback: str = ""
    trace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptReply:
    """A whole new prompt, and in one sentence what it learned."""

    lesson: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AdditionReply:
    """A text to add to the prompt as it stands, and in one sentence what it learned."""

    lesson: str
    addition: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InputsReply:
    """Task inputs drafted from a prompt that came without examples."""

    inputs: list[str]
