"""Examples and jobs from the files of other tools; what the service has no equivalent for is told, never guessed."""

from collections.abc import Callable, Mapping
from pathlib import Path

from gepa_next.client.source import Source
from gepa_next.importers.foreign import Foreign, Lost, Place
from gepa_next.importers.openai_evals import OpenAIEvals
from gepa_next.importers.openai_graders import OpenAIGraders
from gepa_next.importers.promptfoo import Promptfoo

Importer = Callable[[Source, Path, Path | None], Foreign]
IMPORTERS: Mapping[str, Importer] = {
    "openai-evals": OpenAIEvals,
    "openai-graders": OpenAIGraders,
    "promptfoo": Promptfoo,
}

__all__ = ["IMPORTERS", "Foreign", "Importer", "Lost", "Place"]
