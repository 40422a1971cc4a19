"""Samples of the OpenAI Evals framework: JSON lines with `input` and `ideal`, and what its registry says of them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from gepa_next.client.json_list import Unreadable
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.importers.documents import objects, read_beside, read_json_lines
from gepa_next.importers.foreign import Json, Lost, Numbered, Place, text_of
from gepa_next.importers.scoring import JUDGE, Check, check, scoring
from gepa_next.importers.templates import Message, messages_of, transcript

# Name of the class: our metric, and what is not the same about it.
CLASSES = {
    "Match": ("contains", "it wants the answer to begin with the ideal; contains finds it anywhere"),
    "Includes": ("contains", ""),
    "FuzzyMatch": ("token_f1", "it compares normalised texts one within the other; token_f1 compares their words"),
    "JsonMatch": ("json_equal", ""),
}


class OpenAIEvals:
    """A file of samples; the system message of the first one that has one is the prompt."""

    def __init__(self, source: Source, path: Path, definition: Path | None) -> None:
        self.lost = Lost()
        self.place: Place = "line"
        self._source = source
        self._prompt: str | None = None
        self._all_have_ideals = True
        self._checks = _registered(definition, path.name, self.lost) if definition else []

    def examples(self) -> Iterator[Numbered | Unreadable]:
        """Yield an example for each line."""
        for each in read_json_lines(self._source):
            yield each if isinstance(each, Unreadable) else self._example(*each)

    def job(self) -> Json | None:
        """Return the prompt, and how the registry has answers scored."""
        if self._prompt is None:
            self.lost.note("job", "the samples have no system message, so there is no prompt")
            return None
        return {"prompt": self._prompt, **scoring([self._checks], self.lost, ideals=self._all_have_ideals)}

    def _example(self, line: int, sample: Json) -> Numbered | Unreadable:
        given = sample.get("input")
        messages = messages_of(given)
        if not isinstance(given, str) and messages is None:
            return Unreadable(line, "it has no input" if given is None else "its input is more than text")
        text = given if isinstance(given, str) else self._without_prompt(messages or [])
        meta = {name: value for name, value in sample.items() if name not in {"input", "ideal"}}
        return line, {"input": text, **self._ideal(sample.get("ideal"), meta), "meta": meta}

    def _without_prompt(self, messages: Sequence[Message]) -> str:
        (role, text), rest = messages[0], messages[1:]
        if role != "system" or not rest:
            rest = messages
        else:
            self._prompt = text if self._prompt is None else self._prompt
            if text != self._prompt:
                self.lost.note(
                    "system message", "it is not the first sample's, which is the prompt; it stays in the input"
                )
                rest = messages
        if len(rest) > 1:
            self.lost.note("chat of several messages", "an input is one text: they stand in it one after the other")
        return transcript(rest)

    def _ideal(self, ideal: object, meta: Json) -> Json:
        if isinstance(ideal, list) and ideal:
            if len(ideal) > 1:
                self.lost.note("further ideals", "an example has one ideal, the first; all are in meta.ideals")
                meta["ideals"] = ideal
            ideal = ideal[0]
        if ideal is None or ideal == []:
            self._all_have_ideals = False
            return {}
        return {"ideal": text_of(ideal)}


def _registered(definition: Path, samples: str, lost: Lost) -> list[Check]:
    """Return the checks of a registry file: of the eval that uses these samples, or of a model-graded spec."""
    value = read_beside(definition.name, definition.parent)
    entries = objects(value)[0] if objects(value) else {}
    specs = [each for each in (entries, *entries.values()) if isinstance(each, dict) and "choice_strings" in each]
    if specs:
        return [_judged(specs[0], lost)]
    evals = [each for each in entries.values() if isinstance(each, dict) and "class" in each]
    if not evals:
        raise FileError(f"{definition.name}: neither an eval of a registry nor a model-graded spec")
    fitting = [each for each in evals if str((each.get("args") or {}).get("samples_jsonl", "")).endswith(samples)]
    return _of_class((fitting or evals)[0], lost)


def _of_class(entry: Json, lost: Lost) -> list[Check]:
    name = str(entry["class"]).rpartition(":")[2]
    arguments = entry.get("args") or {}
    if name == "ModelBasedClassify":
        spec = arguments.get("modelgraded_spec") or arguments.get("modelgraded_spec_file")
        lost.note(f"model-graded spec {spec}", "it is in a file of its own: give that one as --definition")
        return []
    if name not in CLASSES:
        lost.note(f"class {name}", "there is no such metric")
        return []
    metric, difference = CLASSES[name]
    if difference:
        lost.note(f"class {name}", difference)
    if arguments.get("ignore_case"):
        lost.note("ignore_case", "contains heeds the case")
    return [check(metric)]


def _judged(spec: Json, lost: Lost) -> Check:
    for name in ("args", "input_outputs", "output_template"):
        if spec.get(name):
            lost.note(f"{name} of the model-graded spec", "the judge is asked once, about one answer")
    scores = spec.get("choice_scores")
    told = f"\n\nScores of the choices: {scores}" if scores else ""
    lost.note("eval_type of the model-graded spec", "the judge gives a score with its reasons, not a choice")
    return check(JUDGE, rubric=f"{text_of(spec.get('prompt', ''))}{told}")
