"""Exports of OpenAI's platform: items of a data source, and the graders and messages of the eval."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from gepa_next.client.json_list import Unreadable
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.importers.documents import JSON_LINES, objects, read_beside, read_document, read_json_lines
from gepa_next.importers.foreign import Json, Lost, Numbered, Place, labelled, text_of
from gepa_next.importers.graders import checks_of
from gepa_next.importers.scoring import scoring
from gepa_next.importers.templates import Template, chat_template, filled, messages_of, transcript, variables_of

INPUTS = ("input", "question", "prompt", "query", "message", "text")
IDEALS = ("ideal", "expected", "expected_output", "reference", "reference_answer", "answer", "ground_truth", "label")


class OpenAIGraders:
    """Items, and the definition beside them or around them."""

    def __init__(self, source: Source, path: Path, definition: Path | None) -> None:
        self.lost = Lost()
        self._source = source
        whole = None if path.suffix.lower() in JSON_LINES or str(path) == "-" else read_document(source, path.name)
        self._items = None if whole is None else _items(whole)
        self.place: Place = "line" if self._items is None else "example"
        stated = read_beside(definition.name, definition.parent) if definition else whole
        self._definition = (
            stated if isinstance(stated, dict) else {"testing_criteria": objects(stated)} if definition else {}
        )
        self._template = self._asked()
        self._checks, self._reference = checks_of(self._definition, self.lost)
        self._all_have_ideals = True

    def examples(self) -> Iterator[Numbered | Unreadable]:
        """Yield an example for each item."""
        rows = read_json_lines(self._source) if self._items is None else enumerate(self._items, 1)
        for each in rows:
            yield each if isinstance(each, Unreadable) else self._example(*each)

    def job(self) -> Json | None:
        """Return the messages as a prompt, and the graders as a metric and a rubric."""
        if self._template is None or not self._template.prompt:
            self.lost.note(
                "job", "the definition states no messages (data_source.input_messages), so there is no prompt"
            )
            return None
        sampling = _at(self._definition, "data_source", "sampling_params")
        for name in set(sampling) - {"temperature", "max_completions_tokens", "max_completion_tokens"}:
            self.lost.note(f"sampling parameter {name}", "a job has temperature and max_tokens")
        said: Json = {}
        if isinstance(sampling.get("temperature"), int | float):
            said["temperature"] = float(sampling["temperature"])
        most = sampling.get("max_completions_tokens") or sampling.get("max_completion_tokens")
        if isinstance(most, int):
            said["max_tokens"] = most
        if model := _at(self._definition, "data_source").get("model"):
            self.lost.note(f"model {model}", "models are named as this server's provider names them: --target")
        return {
            "prompt": self._template.prompt,
            **said,
            **scoring([self._checks], self.lost, ideals=self._all_have_ideals),
        }

    def _asked(self) -> Template | None:
        asked = _at(self._definition, "data_source", "input_messages")
        if isinstance(reference := asked.get("item_reference"), str):
            return Template(prompt="", variables=(reference,))
        given = asked.get("template")
        messages = messages_of(given)
        if messages is None and given is not None:
            self.lost.note("messages of the data source", "they are more than text")
        return chat_template(messages, self.lost) if messages else None

    def _example(self, place: int, row: Json) -> Numbered | Unreadable:
        item = row.get("item", row)
        if not isinstance(item, dict):
            return Unreadable(place, "its item is no object")
        if "sample" in row:
            self.lost.note("stored sample", "answers are made anew")
        values = _flat(item)
        ideal, of_ideal = self._ideal(item, values)
        names = self._template.variables if self._template else _inputs(item, of_ideal)
        if any(name not in values for name in names) or not names:
            return Unreadable(
                place, f"the item has no {', '.join(name for name in names if name not in values) or 'input'}"
            )
        used = {name.removeprefix("item.").partition(".")[0] for name in names} | of_ideal
        shown = {name.removeprefix("item."): self._shown(values[name]) for name in names}
        meta = {name: value for name, value in item.items() if name not in used}
        self._all_have_ideals &= ideal is not None
        return place, {"input": labelled(shown), **({} if ideal is None else {"ideal": ideal}), "meta": meta}

    def _shown(self, value: object) -> object:
        messages = messages_of(value) if isinstance(value, list) else None
        if messages is None:
            return value
        if len(messages) > 1:
            self.lost.note("chat of several messages", "an input is one text: they stand in it one after the other")
        return transcript(messages)

    def _ideal(self, item: Json, values: Mapping[str, object]) -> tuple[str | None, set[str]]:
        """Return the ideal, and the fields it is made of."""
        if self._reference is not None:
            used = {name.removeprefix("item.").partition(".")[0] for name in variables_of(self._reference)}
            return filled(self._reference, values), used
        name = next((each for each in IDEALS if each in item), None)
        return (None, set()) if name is None else (text_of(item[name]), {name})


def _items(whole: object) -> list[Json]:
    content = _at(whole, "data_source", "source").get("content") if isinstance(whole, dict) else whole
    if not isinstance(content, list):
        raise FileError("there are no items in it: neither a list nor data_source.source.content")
    return objects(content)


def _inputs(item: Json, of_ideal: set[str]) -> tuple[str, ...]:
    named = [name for name in INPUTS if name in item]
    return tuple(f"item.{name}" for name in (named[:1] or [name for name in item if name not in of_ideal]))


def _flat(values: Json, before: str = "item") -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in values.items():
        found[f"{before}.{name}"] = value
        if isinstance(value, dict):
            found.update(_flat(value, f"{before}.{name}"))
    return found


def _at(value: object, *names: str) -> Json:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}
