"""Items and graders of OpenAI's platform."""

import json

import pytest

from gepa_next.client import FileError
from gepa_next.importers.formula import NotWeightsError, weights_of
from tests.importers.reading import json_lines, read

OUTPUT = "{{sample.output_text}}"
MESSAGES = [{"role": "developer", "content": "Sort the ticket."}, {"role": "user", "content": "{{item.ticket}}"}]
ITEMS = [{"item": {"ticket": f"Ticket {n}", "correct": f"{n}", "lang": "en"}} for n in range(3)]


def string_check(operation: str, reference: str = "{{ item.correct }}", **more: object) -> dict[str, object]:
    return {
        "type": "string_check",
        "name": "s",
        "input": OUTPUT,
        "reference": reference,
        "operation": operation,
        **more,
    }


def similarity(metric: str) -> dict[str, object]:
    return {
        "type": "text_similarity",
        "name": "t",
        "input": OUTPUT,
        "reference": "{{item.correct}}",
        "evaluation_metric": metric,
    }


def carried(tmp_path, *graders: dict, messages: object = MESSAGES, items: object = ITEMS):
    definition = tmp_path / "eval.json"
    source = {
        "input_messages": {"type": "template", "template": messages},
        "model": "gpt-4.1",
        "sampling_params": {"temperature": 0},
    }
    definition.write_text(json.dumps({"testing_criteria": graders, "data_source": source}))
    return read("openai-graders", json_lines(tmp_path / "items.jsonl", items), definition)


@pytest.mark.parametrize(
    ("grader", "metric", "lost"),
    [
        (string_check("eq"), "exact_match", set()),
        (string_check("like"), "contains", set()),
        (string_check("ilike"), "contains", {"string_check ilike"}),
        (string_check("ne"), None, {"string_check ne"}),
        (string_check("eq", "Yes."), {"name": "regex", "pattern": r"^\s*Yes\.\s*$"}, set()),
        (string_check("ilike", "yes"), {"name": "regex", "pattern": "(?i)yes"}, set()),
        (string_check("eq", input="{{item.lang}}"), None, {"string_check s"}),
        (similarity("fuzzy_match"), "edit_similarity", set()),
        (similarity("rouge_l"), "rouge_l", set()),
        (similarity("rouge_1"), "token_f1", {"text_similarity rouge_1"}),
        (similarity("bleu"), None, {"text_similarity bleu"}),
        (similarity("cosine"), None, {"text_similarity cosine"}),
        ({"type": "python", "name": "p", "source": "def grade(): ..."}, None, {"grader python"}),
        ({"type": "azure_ai_evaluator", "name": "a"}, None, {"grader azure_ai_evaluator"}),
    ],
)
def test_a_grader_is_the_metric_that_is_its_equivalent(tmp_path, grader, metric, lost) -> None:
    found = carried(tmp_path, grader)
    assert found.job.get("metric") == metric
    assert set(found.lost) == {"model gpt-4.1", *lost}


def test_the_messages_are_the_prompt_and_the_items_the_examples(tmp_path) -> None:
    found = carried(tmp_path, string_check("eq", pass_threshold=0.5))
    assert found.job == {"prompt": "Sort the ticket.", "temperature": 0.0, "metric": "exact_match"}
    assert found.examples == [{"input": f"Ticket {n}", "ideal": f"{n}", "meta": {"lang": "en"}} for n in range(3)]
    assert found.lost["pass_threshold of string_check"] == 1


def test_messages_around_the_item_become_a_prompt_with_its_place(tmp_path) -> None:
    messages = [{"role": "system", "content": "Sort."}, {"role": "user", "content": "Ticket: {{item.ticket}}\nTeam:"}]
    assert carried(tmp_path, messages=messages).job["prompt"] == "Sort.\n\nTicket: {input}\nTeam:"


def test_several_fields_stand_together_in_the_input(tmp_path) -> None:
    messages = [{"role": "user", "content": "In {{item.lang}}: {{item.ticket}}"}]
    found = carried(tmp_path, messages=messages)
    assert found.job["prompt"] == "In [item.lang]: [item.ticket]\n\n{input}"
    assert found.examples[0]["input"] == "lang: en\n\nticket: Ticket 0"
    assert found.lost["places of the prompt's variables"] == 1


def test_models_that_grade_become_the_rubric(tmp_path) -> None:
    asked = [
        {"role": "system", "content": "Is it kind?"},
        {"role": "user", "content": [{"type": "input_text", "text": f"{OUTPUT} for {{{{item.ticket}}}}"}]},
    ]
    label = {
        "type": "label_model",
        "name": "l",
        "model": "gpt",
        "input": asked,
        "labels": ["good", "bad"],
        "passing_labels": ["good"],
    }
    score = {"type": "score_model", "name": "s", "model": "gpt", "input": asked[:1], "range": [1, 7]}
    found = carried(tmp_path, label, score, string_check("eq"))
    assert found.job["metric"] == [{"name": "judge", "weight": 0.666667}, {"name": "exact_match", "weight": 0.333333}]
    assert (
        "Is it kind?\n\n[the answer] for [ticket]\n\nOf the labels good, bad, these score 1 and any other 0: good"
        in found.job["rubric"]
    )
    assert {"model of label_model", "model of score_model", "range of score_model"} <= set(found.lost)


def test_graders_of_a_multi_grader_weigh_what_its_formula_says(tmp_path) -> None:
    multi = {
        "type": "multi",
        "name": "m",
        "calculate_output": "(3 * a + b) / 4",
        "graders": {"a": string_check("eq"), "b": similarity("rouge_l")},
    }
    assert carried(tmp_path, multi).job["metric"] == [
        {"name": "exact_match", "weight": 0.75},
        {"name": "rouge_l", "weight": 0.25},
    ]
    found = carried(tmp_path, {**multi, "calculate_output": "min(a, b)"})
    assert [each["weight"] for each in found.job["metric"]] == [0.5, 0.5]
    assert "formula min(a, b)" in found.lost


@pytest.mark.parametrize(
    ("formula", "weights"),
    [
        ("a", {"a": 1}),
        ("0.5*a + 0.5*b", {"a": 0.5, "b": 0.5}),
        ("(a+b)/2", {"a": 0.5, "b": 0.5}),
        ("a*2 + a", {"a": 3}),
    ],
)
def test_a_formula_of_weights_is_read(formula, weights) -> None:
    assert weights_of(formula) == weights


@pytest.mark.parametrize(
    "formula",
    ["", "1", "a + 1", "a * b", "a - b", "max(a)", "a / 0", "__import__('os')", "-a", "(" * 500, "a if b else c"],
)
def test_a_formula_that_is_more_than_weights_is_not(formula) -> None:
    with pytest.raises(NotWeightsError):
        weights_of(formula)


def test_a_second_reference_is_lost_for_an_example_has_one_ideal(tmp_path) -> None:
    found = carried(tmp_path, string_check("eq"), string_check("like", "{{item.lang}}"))
    assert found.job["metric"] == "exact_match"
    assert "reference {{item.lang}}" in found.lost


def test_an_export_holds_items_and_graders_in_one_file(tmp_path) -> None:
    path = tmp_path / "eval.json"
    source = {"source": {"type": "file_content", "content": ITEMS}, "input_messages": {"template": MESSAGES}}
    path.write_text(json.dumps({"testing_criteria": [string_check("eq")], "data_source": source}))
    found = read("openai-graders", path)
    assert (len(found.examples), found.job["metric"]) == (3, "exact_match")


def test_items_alone_are_read_by_the_names_of_their_fields(tmp_path) -> None:
    items = [
        {"item": {"question": "1+1?", "ground_truth": 2, "id": 7}, "sample": {}},
        {"city": "Rome", "pop": 3},
        {"item": 1},
        {},
    ]
    found = read("openai-graders", json_lines(tmp_path / "items.jsonl", items))
    assert found.examples == [
        {"input": "1+1?", "ideal": "2", "meta": {"id": 7}},
        {"input": "city: Rome\n\npop: 3", "meta": {}},
    ]
    assert list(found.unreadable) == [3, 4]
    assert found.lost == {"stored sample": 1, "job": 1}


@pytest.mark.parametrize("text", ["{}", "1", "{"])
def test_a_file_without_items_is_refused(tmp_path, text) -> None:
    path = tmp_path / "eval.json"
    path.write_text(text)
    with pytest.raises(FileError, match=r"no items|not JSON"):
        read("openai-graders", path)


def test_messages_that_an_item_holds_itself_are_its_input(tmp_path) -> None:
    chat = [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Why?"}]
    definition = tmp_path / "eval.json"
    source = {"input_messages": {"type": "item_reference", "item_reference": "item.chat"}}
    definition.write_text(json.dumps({"data_source": source}))
    found = read("openai-graders", json_lines(tmp_path / "items.jsonl", [{"item": {"chat": chat, "n": 1}}]), definition)
    assert found.examples == [{"input": "Be kind.\n\nWhy?", "meta": {"n": 1}}]
    assert found.lost == {"chat of several messages": 1, "job": 1}
