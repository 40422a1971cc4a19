"""The texts of a report: the prompt by its components, and the ends of what is too long to be shown."""

from collections.abc import Mapping
from dataclasses import dataclass

from gepa_next.api.evidence.report.differences import KEPT, Piece, word_differences
from gepa_next.models import Job


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A prompt, or a component of one by `name`, with the pieces it and the seed prompt's are made of."""

    name: str
    text: str
    pieces: list[Piece]

    @property
    def changed(self) -> bool:
        """Whether it is another text than the seed prompt's."""
        return any(each.kind != KEPT for each in self.pieces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clipped:
    """How a text begins, and how many characters of it are `left_out`."""

    text: str
    left_out: int


def clipped(text: str, most: int) -> Clipped:
    """Return the text, or its beginning if it is longer than that."""
    return Clipped(text=text[:most], left_out=max(0, len(text) - most))


def texts_against_seed(job: Job, text: str, prompts: Mapping[str, str]) -> list[Text]:
    """Return the prompt beside the seed prompt, component by component where there are several."""
    if not prompts or not job.spec.prompts:
        return [_against("", job.spec.prompt, text)]
    names = dict.fromkeys([*job.spec.prompts, *prompts])
    return [_against(each, job.spec.prompts.get(each, ""), prompts.get(each, "")) for each in names]


def _against(name: str, before: str, after: str) -> Text:
    return Text(name=name, text=after, pieces=word_differences(before, after))
