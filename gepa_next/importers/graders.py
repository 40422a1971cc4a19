"""Graders of OpenAI's platform as checks of ours."""

import re
from collections.abc import Mapping

from gepa_next.importers.documents import objects
from gepa_next.importers.foreign import Json, Lost, text_of
from gepa_next.importers.formula import NotWeightsError, weights_of
from gepa_next.importers.scoring import JUDGE, Check, check
from gepa_next.importers.templates import canonical, content_text, replaced, variables_of

OUTPUT = "sample.output_text"
STRING_CHECKS = {
    "eq": ("exact_match", ""),
    "like": ("contains", ""),
    "ilike": ("contains", "contains heeds the case"),
}
SIMILARITIES = {
    "fuzzy_match": "edit_similarity",
    "rouge_l": "rouge_l",
    "rouge_1": "token_f1",
}
NO_EQUIVALENT = "there is no such metric"


def checks_of(definition: Json, lost: Lost) -> tuple[list[Check], str | None]:
    """Return the graders of the definition as checks, and the template of the ideal that they compare with."""
    given = definition.get("testing_criteria", definition.get("graders", definition.get("grader")))
    graders = objects(given) if given is not None else [definition] if "type" in definition else []
    reader = _Reader(lost)
    checks = [each for grader in graders for each in reader.checks(grader, 1.0)]
    return checks, reader.reference


class _Reader:
    """Reads graders, which must all compare with the same ideal."""

    def __init__(self, lost: Lost) -> None:
        self._lost = lost
        self.reference: str | None = None

    def checks(self, grader: Json, weight: float) -> list[Check]:
        kind = grader.get("type")
        if "pass_threshold" in grader:
            self._lost.note(
                f"pass_threshold of {kind}", "scores count as they are, and are not cut into passed and failed"
            )
        if kind == "string_check":
            return self._string_check(grader, weight)
        if kind == "text_similarity":
            return self._similarity(grader, weight)
        if kind in {"label_model", "score_model"}:
            return [self._judged(grader, weight)]
        if kind == "multi":
            return self._multi(grader, weight)
        self._lost.note(f"grader {kind}", "code is not run" if kind == "python" else NO_EQUIVALENT)
        return []

    def _string_check(self, grader: Json, weight: float) -> list[Check]:
        operation = str(grader.get("operation"))
        if operation not in STRING_CHECKS:
            self._lost.note(f"string_check {operation}", NO_EQUIVALENT)
            return []
        reference = self._other_side(grader, "string_check")
        if reference is None:
            return []
        if not variables_of(reference):
            return [_fixed(operation, reference, weight)]
        name, difference = STRING_CHECKS[operation]
        if difference:
            self._lost.note(f"string_check {operation}", difference)
        return self._compared(name, reference, weight)

    def _similarity(self, grader: Json, weight: float) -> list[Check]:
        metric = str(grader.get("evaluation_metric"))
        if metric not in SIMILARITIES:
            self._lost.note(f"text_similarity {metric}", NO_EQUIVALENT)
            return []
        if metric == "rouge_1":
            self._lost.note("text_similarity rouge_1", "token_f1 splits words in its own way")
        reference = self._other_side(grader, "text_similarity")
        return [] if reference is None else self._compared(SIMILARITIES[metric], reference, weight)

    def _other_side(self, grader: Json, kind: str) -> str | None:
        """Return what the answer is compared with."""
        sides = [text_of(grader.get(name, "")) for name in ("input", "reference")]
        answers = [variables_of(side) == (OUTPUT,) for side in sides]
        if answers.count(True) != 1:
            self._lost.note(f"{kind} {grader.get('name', '')}".strip(), "it compares something else than the answer")
            return None
        return canonical(sides[answers.index(False)])

    def _compared(self, name: str, reference: str, weight: float) -> list[Check]:
        if self.reference not in {None, reference}:
            self._lost.note(f"reference {reference}", f"an example has one ideal, and that is {self.reference}")
            return []
        self.reference = reference
        return [check(name, weight=weight)]

    def _judged(self, grader: Json, weight: float) -> Check:
        kind = grader["type"]
        if grader.get("model"):
            self._lost.note(f"model of {kind}", "the judge is the server's, so that scores stay comparable")
        for name in ("range", "sampling_params"):
            if grader.get(name) not in (None, [0, 1], {}):
                self._lost.note(f"{name} of {kind}", "the judge scores from 0 to 1, as the server has it do")
        texts = [content_text(each.get("content")) for each in objects(grader.get("input"))]
        if None in texts:
            self._lost.note(f"messages of {kind}", "those that are more than text are left out")
        rubric = "\n\n".join(self._worded(text) for text in texts if text)
        if grader.get("labels"):
            passing, labels = (", ".join(map(str, grader.get(name) or [])) for name in ("passing_labels", "labels"))
            rubric += f"\n\nOf the labels {labels}, these score 1 and any other 0: {passing}"
        return check(JUDGE, weight=weight, rubric=rubric)

    def _worded(self, text: str) -> str:
        """Return the text with words in the place of what the judge is shown anyway."""
        for name in variables_of(text):
            word = "the answer" if name.startswith("sample.") else name.removeprefix("item.")
            text = replaced(text, name, f"[{word}]")
        return text

    def _multi(self, grader: Json, weight: float) -> list[Check]:
        given = grader.get("graders")
        single = isinstance(given, dict) and "type" in given
        parts: Mapping[str, object] = (
            given
            if isinstance(given, dict) and not single
            else {str(each.get("name")): each for each in objects(given)}
        )
        formula = str(grader.get("calculate_output", ""))
        try:
            weights = weights_of(formula)
        except NotWeightsError:
            self._lost.note(f"formula {formula}", "metrics are weighed and added; here all weigh the same")
            weights = dict.fromkeys(parts, 1.0)
        return [
            each
            for name, part in parts.items()
            if isinstance(part, dict) and weights.get(name, 0.0) > 0
            for each in self.checks(part, weight * weights[name])
        ]


def _fixed(operation: str, reference: str, weight: float) -> Check:
    """Return a pattern for a text that is the same for all examples."""
    pattern = re.escape(reference)
    if operation == "eq":
        pattern = rf"^\s*{pattern}\s*$"
    return check("regex", {"pattern": f"(?i){pattern}" if operation == "ilike" else pattern}, weight=weight)
