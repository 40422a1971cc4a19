"""Samples of OpenAI Evals: chats or texts, with one ideal or several, and the registry beside them."""

import pytest

from gepa_next.client import FileError
from tests.importers.reading import json_lines, read

SYSTEM = {"role": "system", "content": "Answer in one word."}


def chat(*texts: str) -> list[dict[str, str]]:
    return [{"role": role, "content": text} for role, text in zip(("user", "assistant") * 9, texts, strict=False)]


def test_the_system_message_that_samples_share_is_the_prompt(tmp_path) -> None:
    rows = [{"input": [SYSTEM, *chat(f"Question {n}")], "ideal": f"{n}"} for n in range(3)]
    found = read("openai-evals", json_lines(tmp_path / "samples.jsonl", rows))
    assert found.job == {"prompt": "Answer in one word."}
    assert found.examples == [{"input": f"Question {n}", "ideal": f"{n}", "meta": {}} for n in range(3)]
    assert found.lost == {}


def test_what_a_sample_may_look_like(tmp_path) -> None:
    rows = [
        {"input": "plain", "ideal": ["a", "b"], "source": "web"},
        {"input": [SYSTEM], "ideal": 15},
        {"input": [SYSTEM, *chat("one", "two", "three")]},
        {"input": [{"role": "system", "content": "Another."}, *chat("x")], "ideal": "y"},
        {"input": [{"role": "system", "content": "2+2?", "name": "example_user"}, *chat("3+3?")], "ideal": []},
        {"input": [{"role": "user", "content": [{"type": "text", "text": "parts"}]}], "ideal": "z"},
    ]
    found = read("openai-evals", json_lines(tmp_path / "samples.jsonl", rows))
    assert [each["input"] for each in found.examples] == [
        "plain",
        "Answer in one word.",
        "User: one\n\nAssistant: two\n\nUser: three",
        "Another.\n\nx",
        "User: 2+2?\n\nUser: 3+3?",
        "parts",
    ]
    assert [each.get("ideal") for each in found.examples] == ["a", "15", None, "y", None, "z"]
    assert found.examples[0]["meta"] == {"source": "web", "ideals": ["a", "b"]}
    assert found.lost == {"chat of several messages": 3, "further ideals": 1, "system message": 1}


def test_rows_that_are_no_samples_are_told_by_their_line(tmp_path) -> None:
    path = tmp_path / "samples.jsonl"
    image = '{"input": [{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]}'
    path.write_text(f'{{"input": "a"}}\n\nno json\n[1]\n{{"ideal": "b"}}\n{image}\n')
    found = read("openai-evals", path)
    assert list(found.unreadable) == [3, 4, 5, 6]
    assert "more than text" in found.unreadable[6]
    assert (found.job, found.lost) == (None, {"job": 1})


@pytest.mark.parametrize(
    ("name", "metric", "lost"),
    [
        ("basic.match:Match", "contains", {"class Match": 1}),
        ("basic.includes:Includes", "contains", {}),
        ("basic.fuzzy_match:FuzzyMatch", "token_f1", {"class FuzzyMatch": 1}),
        ("basic.json_match:JsonMatch", "json_equal", {}),
        ("translate:Translate", None, {"class Translate": 1}),
        ("modelgraded.classify:ModelBasedClassify", None, {"model-graded spec fact": 1}),
    ],
)
def test_the_class_in_the_registry_is_the_metric(tmp_path, name, metric, lost) -> None:
    definition = tmp_path / "eval.yaml"
    definition.write_text(
        "some:\n  id: some.dev.v0\nother.dev.v0:\n  class: x:Other\n  args: {samples_jsonl: other.jsonl}\n"
        f"some.dev.v0:\n  class: evals.elsuite.{name}\n"
        "  args: {samples_jsonl: some/samples.jsonl, modelgraded_spec: fact}\n"
    )
    rows = [{"input": [SYSTEM, *chat("a")], "ideal": "b"}]
    found = read("openai-evals", json_lines(tmp_path / "samples.jsonl", rows), definition)
    assert (found.job.get("metric"), found.lost) == (metric, lost)


def test_a_metric_that_needs_ideals_is_not_carried_over_where_one_is_missing(tmp_path) -> None:
    definition = tmp_path / "eval.yaml"
    definition.write_text("some:\n  class: evals:Includes\n")
    rows = [{"input": [SYSTEM, *chat("a")], "ideal": "b"}, {"input": [SYSTEM, *chat("c")]}]
    found = read("openai-evals", json_lines(tmp_path / "samples.jsonl", rows), definition)
    assert (found.job, found.lost) == ({"prompt": "Answer in one word."}, {"metric contains": 1, "metric": 1})


def test_a_model_graded_spec_is_the_rubric(tmp_path) -> None:
    definition = tmp_path / "closedqa.yaml"
    definition.write_text(
        'prompt: "Does {completion} answer {input}?"\nchoice_strings: "YN"\nchoice_scores: {Y: 1.0, N: 0.0}\n'
    )
    rows = [{"input": [SYSTEM, *chat("a")]}]
    found = read("openai-evals", json_lines(tmp_path / "samples.jsonl", rows), definition)
    assert found.job["metric"] == "judge"
    assert found.job["rubric"].startswith("Does {completion} answer {input}?\n\nScores of the choices: ")


@pytest.mark.parametrize(
    ("text", "said"),
    [("[1, 2]", "neither an eval"), ("a: [", "not YAML"), ("a: " + "[" * 2000, "YAML|deep"), ("a: {b: c}", "neither")],
)
def test_a_definition_that_is_none_is_refused(tmp_path, text, said) -> None:
    definition = tmp_path / "eval.yaml"
    definition.write_text(text)
    with pytest.raises(FileError, match=said):
        read("openai-evals", json_lines(tmp_path / "samples.jsonl", [{"input": "a"}]), definition)


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)),
        "a: &a [*a]\n",
        "a: " + "[" * 150 + "]" * 150,
    ],
)
def test_yaml_that_grows_where_its_aliases_are_followed_is_refused(tmp_path, text) -> None:
    definition = tmp_path / "bomb.yaml"
    definition.write_text(text)
    with pytest.raises(FileError, match="expands"):
        read("openai-evals", json_lines(tmp_path / "samples.jsonl", [{"input": "a"}]), definition)


def test_yaml_makes_no_objects(tmp_path) -> None:
    definition = tmp_path / "eval.yaml"
    definition.write_text("a: !!python/object/apply:os.system ['true']\n")
    with pytest.raises(FileError, match="not YAML"):
        read("openai-evals", json_lines(tmp_path / "samples.jsonl", [{"input": "a"}]), definition)
