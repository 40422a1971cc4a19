"""Test files and configurations of promptfoo as examples, a prompt, a metric and a rubric."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gepa_next.client.json_list import Unreadable
from gepa_next.client.sniffing import FileError
from gepa_next.client.source import Source
from gepa_next.importers.documents import JSON_LINES, read_beside, read_document
from gepa_next.importers.foreign import Json, Lost, Numbered, labelled, text_of
from gepa_next.importers.promptfoo_checks import checks_of, referred_to, with_criteria
from gepa_next.importers.promptfoo_prompts import first_prompt
from gepa_next.importers.promptfoo_tests import Test, defaults_of, line_tests, load_tests, place_of, table_tests
from gepa_next.importers.scoring import Check, scoring
from gepa_next.importers.templates import Template, chat_template, messages_of, template, variables_of

CARRIED = frozenset({"prompts", "tests", "defaultTest", "providers", "targets", "description", "assertionTemplates"})


class Promptfoo:
    """A configuration, or a file of tests alone; `definition` is a configuration beside such a file."""

    def __init__(self, source: Source, path: Path, definition: Path | None) -> None:
        self.lost = Lost()
        given, config = _opened(source, path)
        folder = path.parent
        if definition is not None:
            stated = read_beside(definition.name, definition.parent)
            config, folder = (stated if isinstance(stated, dict) else {}), definition.parent
        self._config = config
        default = defaults_of(config, folder, self.lost)
        rows = given if given is not None else load_tests(config.get("tests"), folder, self.lost)
        self.place = place_of(path.name if given is not None else config.get("tests"))
        self._rows = [each if isinstance(each, Unreadable) else _usable(each.under(default)) for each in rows]
        self._prompt = first_prompt(config.get("prompts"), folder, self.lost)
        self._template = self._asked()
        self._rows = [each if isinstance(each, Unreadable) else self._complete(each) for each in self._rows]
        self._checks = self._checked()

    @property
    def _tests(self) -> list[Test]:
        return [each for each in self._rows if isinstance(each, Test)]

    def examples(self) -> Iterator[Numbered | Unreadable]:
        """Yield an example for each test."""
        checks = iter(self._checks)
        for each in self._rows:
            yield each if isinstance(each, Unreadable) else self._example(each, next(checks))

    def job(self) -> Json | None:
        """Return the first prompt, and the checks that all tests share as a metric and a rubric."""
        for name in sorted(set(self._config) - CARRIED):
            self.lost.note(f"setting {name}", "it has no equivalent")
        ideals = all(any(each.ideal is not None for each in checks) for checks in self._checks)
        said = scoring(self._checks, self.lost, ideals=ideals)
        said = {**self._sampling(), **said}
        if self._template is None:
            self.lost.note("job", "there is no prompt that can be used")
            return None
        about = self._config.get("description")
        return {"prompt": self._template.prompt, **said, **({"metadata": {"description": about}} if about else {})}

    def _asked(self) -> Template | None:
        if self._prompt is None:
            return None
        messages = messages_of(self._prompt)
        names = variables_of(self._prompt)
        tests = self._tests
        values = {name: {text_of(test.values.get(name)) for test in tests} for name in names}
        constants = {
            name: tests[0].values[name]
            for name in names
            if tests and len(values[name]) == 1 and name in tests[0].values
        }
        constants = constants if len(constants) < len(names) else {}
        return (
            chat_template(messages, self.lost, constants) if messages else template(self._prompt, self.lost, constants)
        )

    def _checked(self) -> list[list[Check]]:
        tests = self._tests
        referred = [[referred_to(each, self._config) for each in test.checks] for test in tests]
        checks = [checks_of(each, test.values, self.lost) for each, test in zip(referred, tests, strict=True)]
        return with_criteria(checks, self.lost)

    def _names(self, test: Test) -> tuple[str, ...]:
        return self._template.variables if self._template else tuple(test.values)

    def _complete(self, test: Test) -> Test | Unreadable:
        names = self._names(test)
        missing = [name for name in names if name not in test.values]
        if missing or not names:
            return Unreadable(
                test.line, f"the test has no variable {', '.join(missing)}" if missing else "it has no variables"
            )
        return test

    def _example(self, test: Test, checks: Sequence[Check]) -> Numbered:
        names = self._names(test)
        ideal = next((each.ideal for each in checks if each.ideal is not None), None)
        meta = {**test.meta, **{name: value for name, value in test.values.items() if name not in names}}
        shown = labelled({name: test.values[name] for name in names})
        return test.line, {"input": shown, **({} if ideal is None else {"ideal": ideal}), "meta": meta}

    def _sampling(self) -> Json:
        """Return temperature and max_tokens of the provider, if there is only one."""
        given = self._config.get("providers", self._config.get("targets")) or []
        providers = given if isinstance(given, list) else [given]
        for each in providers:
            self.lost.note(
                f"provider {_name_of(each)}",
                "models are named as this server's provider names them: optimize --target",
            )
        settings = providers[0].get("config") if len(providers) == 1 and isinstance(providers[0], dict) else None
        found: Json = {}
        for name, value in (settings if isinstance(settings, dict) else {}).items():
            if name == "temperature" and isinstance(value, int | float) and not isinstance(value, bool):
                found[name] = float(value)
            elif name == "max_tokens" and isinstance(value, int) and not isinstance(value, bool):
                found[name] = value
            else:
                self.lost.note(f"provider setting {name}", "a job has temperature and max_tokens")
        return found


def _opened(source: Source, path: Path) -> tuple[list[Test | Unreadable] | None, Json]:
    """Return the tests of a file of tests, or None and the configuration."""
    ending = path.suffix.lower()
    if ending == ".csv":
        return table_tests(source), {}
    if ending in JSON_LINES:
        return line_tests(source), {}
    value = read_document(source, path.name)
    if isinstance(value, list):
        return load_tests(value, path.parent, Lost()), {}
    if isinstance(value, dict):
        return None, value
    raise FileError(f"{path.name}: neither a configuration nor a list of tests")


def _usable(test: Test) -> Test | Unreadable:
    wrong = _unusable(test.values)
    return test if wrong is None else Unreadable(test.line, wrong)


def _unusable(values: Mapping[str, object]) -> str | None:
    for name, value in values.items():
        if isinstance(value, list):
            return f"variable {name} has several values, which stand for several tests: write them out"
        if isinstance(value, str) and value.startswith("file://"):
            return f"variable {name} names a file"
    return None


def _name_of(provider: object) -> str:
    if isinstance(provider, dict):
        return str(provider.get("id") or next(iter(provider), ""))
    return str(provider)
