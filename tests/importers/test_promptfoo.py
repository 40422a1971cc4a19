"""Configurations and test files of promptfoo."""

import json

import pytest

from gepa_next.client import FileError
from gepa_next.importers.promptfoo_tests import expected, place_of
from tests.importers.reading import json_lines, read

CONFIG = """
description: Tickets
prompts:
  - "Sort this ticket: {{ticket}}"
providers: [openai:gpt-5-mini]
"""


def written(tmp_path, text: str, name: str = "promptfooconfig.yaml"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def scored(tmp_path, *assertions: dict, tests: int = 2):
    """Return what becomes of tests that all have these assertions, with the test's number in place of N."""
    rows = [
        {
            "vars": {"ticket": f"Ticket {n}", "team": f"t{n}"},
            "assert": json.loads(json.dumps(assertions).replace("N!", f"{n}")),
        }
        for n in range(tests)
    ]
    path = written(tmp_path, json.dumps({"prompts": ["Sort: {{ticket}}"], "tests": rows}), "config.json")
    return read("promptfoo", path)


def test_a_configuration_is_examples_and_a_job(tmp_path) -> None:
    text = (
        CONFIG
        + """
defaultTest:
  vars: {lang: en}
tests:
  - description: first
    vars: {ticket: I paid twice.}
    assert: [{type: equals, value: billing}]
    metadata: {from: web}
  - vars: {ticket: The chart crashes.}
    assert: [{type: equals, value: tech}]
"""
    )
    found = read("promptfoo", written(tmp_path, text))
    assert found.job == {
        "prompt": "Sort this ticket: {input}",
        "metric": "exact_match",
        "metadata": {"description": "Tickets"},
    }
    assert found.examples == [
        {"input": "I paid twice.", "ideal": "billing", "meta": {"description": "first", "from": "web", "lang": "en"}},
        {"input": "The chart crashes.", "ideal": "tech", "meta": {"lang": "en"}},
    ]
    assert found.lost == {"provider openai:gpt-5-mini": 1}


@pytest.mark.parametrize(
    ("assertion", "metric", "ideal", "lost"),
    [
        ({"type": "equals", "value": "team N!"}, "exact_match", "team 0", set()),
        ({"type": "equals", "value": "{{team}}"}, "exact_match", "t0", set()),
        ({"type": "equals", "value": 7}, "exact_match", "7", set()),
        ({"type": "equals", "value": {"team": "N!"}}, "json_equal", '{"team": "0"}', set()),
        ({"type": "contains", "value": "a"}, "contains", "a", set()),
        ({"type": "icontains", "value": "a"}, "contains", "a", {"assertion icontains"}),
        ({"type": "starts-with", "value": "a"}, "contains", "a", {"assertion starts-with"}),
        (
            {"type": "levenshtein", "value": "a", "threshold": 5},
            "edit_similarity",
            "a",
            {"assertion levenshtein", "threshold of levenshtein"},
        ),
        ({"type": "rouge-n", "value": "a"}, "rouge_l", "a", {"assertion rouge-n"}),
        ({"type": "factuality", "value": "a"}, "judge", "a", set()),
        (
            {"type": "similar", "value": "a", "provider": "x"},
            "judge",
            "a",
            {"assertion similar", "provider of similar"},
        ),
        ({"type": "regex", "value": r"\d{4}"}, {"name": "regex", "pattern": r"\d{4}"}, None, set()),
        ({"type": "regex", "value": "(?=a)b"}, None, None, {"assertion regex"}),
        ({"type": "regex", "value": "a*"}, None, None, {"assertion regex"}),
        ({"type": "is-json"}, "json_valid", None, set()),
        (
            {"type": "is-json", "value": {"type": "object"}},
            {"name": "json_schema", "schema": {"type": "object"}},
            None,
            set(),
        ),
        ({"type": "is-json", "value": "file://s.json"}, None, None, {"assertion is-json"}),
        ({"type": "word-count", "value": {"max": 9}}, {"name": "length", "max": 9, "unit": "words"}, None, set()),
        ({"type": "llm-rubric", "value": "is kind"}, "judge", None, set()),
        ({"type": "llm-rubric", "value": "names {{team}}"}, "judge", "names t0", set()),
        ({"type": "javascript", "value": "output.length < 9"}, None, None, {"assertion javascript"}),
        ({"type": "not-contains", "value": "a"}, None, None, {"assertion not-contains"}),
        ({"type": "contains-any", "value": ["a"]}, None, None, {"assertion contains-any"}),
        ({"type": "contains", "value": "{{ team | upper }}"}, None, None, {"assertion contains"}),
        ({"type": "equals", "value": "a", "weight": 0}, None, None, {"assertion equals"}),
    ],
)
def test_an_assertion_is_the_metric_that_is_its_equivalent(tmp_path, assertion, metric, ideal, lost) -> None:
    found = scored(tmp_path, assertion)
    assert (found.job.get("metric"), found.examples[0].get("ideal")) == (metric, ideal)
    assert set(found.lost) == lost


def test_what_all_tests_are_judged_by_is_the_rubric_and_what_one_is_judged_by_its_ideal(tmp_path) -> None:
    found = scored(tmp_path, {"type": "llm-rubric", "value": "is kind"}, {"type": "llm-rubric", "value": "says N!"})
    assert found.job["metric"] == "judge"
    assert found.job["rubric"].startswith("is kind\nThe ideal of an example")
    assert [each["ideal"] for each in found.examples] == ["says 0", "says 1"]


def test_assertions_together_are_weighed_and_a_second_expected_value_is_lost(tmp_path) -> None:
    inner = [{"type": "contains", "value": "a", "weight": 3}, {"type": "is-json"}, {"type": "contains", "value": "b"}]
    found = scored(tmp_path, {"type": "assert-set", "assert": inner})
    assert found.job["metric"] == [{"name": "contains", "weight": 0.75}, {"name": "json_valid", "weight": 0.25}]
    assert found.lost == {"assert-set": 2, "assertion contains": 2}


def test_a_check_that_not_every_test_has_is_lost_and_its_ideal_stays(tmp_path) -> None:
    rows = [{"vars": {"q": "1"}, "assert": [{"type": "equals", "value": "a"}]}, {"vars": {"q": "2"}}]
    found = read("promptfoo", written(tmp_path, json.dumps({"prompts": "Answer {{q}}", "tests": rows}), "c.json"))
    assert found.job == {"prompt": "Answer {input}"}
    assert found.examples[0]["ideal"] == "a"
    assert found.lost == {"check exact_match": 1, "metric": 1}


@pytest.mark.parametrize(
    ("prompt", "carried", "inputs", "lost"),
    [
        ("Sort {{ a }}.", "Sort {input}.", ["a0", "a1"], set()),
        ("{{fix}}: {{a}}", "same: {input}", ["a0", "a1"], set()),
        (
            "{{a}} or {{b}}?",
            "[a] or [b]?\n\n{input}",
            ["a: a0\n\nb: b0", "a: a1\n\nb: b1"],
            {"places of the prompt's variables"},
        ),
        (
            '[{"role": "system", "content": "Be kind, {{fix}}."}, {"role": "user", "content": "{{a}}"}]',
            "Be kind, same.",
            ["a0", "a1"],
            set(),
        ),
        (
            '[{"role": "user", "content": "x {{a}}"}, {"role": "assistant", "content": "y"}]',
            "User: x {input}\n\nAssistant: y",
            ["a0", "a1"],
            {"roles of the chat"},
        ),
        (
            "{% if a %}x{% endif %}",
            None,
            ["a: a0\n\nb: b0\n\nfix: same", "a: a1\n\nb: b1\n\nfix: same"],
            {"prompt", "job"},
        ),
        (
            "exec:./make.sh",
            None,
            ["a: a0\n\nb: b0\n\nfix: same", "a: a1\n\nb: b1\n\nfix: same"],
            {"prompt exec:./make.sh", "job"},
        ),
    ],
)
def test_a_prompt_becomes_one_with_a_place_for_the_input(tmp_path, prompt, carried, inputs, lost) -> None:
    rows = [{"vars": {"a": f"a{n}", "b": f"b{n}", "fix": "same"}} for n in range(2)]
    found = read("promptfoo", written(tmp_path, json.dumps({"prompts": [prompt], "tests": rows}), "c.json"))
    assert (found.job or {}).get("prompt") == carried
    assert [each["input"] for each in found.examples] == inputs
    assert set(found.lost) == lost


def test_files_that_a_configuration_names_are_read_if_they_are_below_it(tmp_path) -> None:
    folder = tmp_path / "evals"
    (folder / "more").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("- vars: {ticket: secret}\n")
    (folder / "prompt.txt").write_text("Sort {{ticket}}\n---\nAnother {{ticket}}\n")
    (folder / "more" / "a.csv").write_text("ticket,__expected\none,equals: 1\n")
    (folder / "more" / "b.yaml").write_text(
        "- vars: {ticket: two}\n  assert: [{type: equals, value: 2}]\n- file://../evals/more/b.yaml\n"
    )
    json_lines(folder / "c.jsonl", [{"vars": {"ticket": "three"}, "assert": [{"type": "equals", "value": "3"}]}])
    tests = [
        "file://more/*",
        "c.jsonl",
        "file://../secret.yaml",
        "file://gone.csv",
        "https://x.org/t.csv",
        "file://make.py:tests",
    ]
    path = written(folder, json.dumps({"prompts": ["file://prompt.txt"], "tests": tests}), "c.json")
    found = read("promptfoo", path)
    assert "secret" not in str(found.examples)
    assert {each["input"] for each in found.examples} == {"one", "two", "three"}
    assert (found.job["prompt"], found.job["metric"]) == ("Sort {input}", "exact_match")
    assert {"further prompts", *(f"tests {each}" for each in tests[2:])} <= set(found.lost)


def test_csv_columns_are_variables_checks_and_what_is_kept(tmp_path) -> None:
    header = "question,__expected1,__expected2,__metadata:area,__description,__prefix"
    rows = ["Who?,contains: me,llm-rubric: kind,x,first,", "Why?,contains: so,llm-rubric: kind,,,", "short"]
    text = "\n".join([header, *rows])
    found = read("promptfoo", written(tmp_path, text, "tests.csv"))
    assert found.examples[0] == {"input": "Who?", "ideal": "me", "meta": {"description": "first", "area": "x"}}
    assert list(found.unreadable) == [4]
    config = written(tmp_path, "prompts: ['Answer {{question}}']\n", "config.yaml")
    found = read("promptfoo", tmp_path / "tests.csv", config)
    assert [each["name"] for each in found.job["metric"]] == ["contains", "judge"]
    assert found.job["rubric"] == "kind"


@pytest.mark.parametrize(
    ("cell", "kind", "value", "threshold"),
    [
        ("Paris", "equals", "Paris", None),
        ("contains:Paris", "contains", "Paris", None),
        ("similar(0.8): a: b", "similar", "a: b", 0.8),
        ("grade: kind", "llm-rubric", "kind", None),
        ("fn: a", "javascript", "a", None),
        ("https://x.org", "equals", "https://x.org", None),
        ("Note: this", "equals", "Note: this", None),
        ("not-equals: a", "not-equals", "a", None),
    ],
)
def test_an_expected_cell_is_a_check(cell, kind, value, threshold) -> None:
    found = expected(cell)
    assert (found["type"], found["value"], found.get("threshold")) == (kind, value, threshold)


def test_tests_that_cannot_be_examples_are_told_by_their_place(tmp_path) -> None:
    rows = [
        {"vars": {"a": ["x", "y"]}},
        {"vars": {"a": "file://x.txt"}},
        {"vars": {"b": "z"}},
        {"assert": []},
        {"vars": {"a": "ok"}},
    ]
    found = read("promptfoo", written(tmp_path, json.dumps({"prompts": "Say {{a}}", "tests": rows}), "c.json"))
    assert list(found.unreadable) == [1, 2, 3, 4]
    assert [each["input"] for each in found.examples] == ["ok"]


def test_a_test_that_is_left_out_costs_the_others_nothing(tmp_path) -> None:
    equal = [{"type": "equals", "value": "y"}]
    rows = [
        {"vars": {"a": "x"}, "assert": equal},
        {"vars": {"a": ["x", "y"]}, "assert": [{"type": "contains", "value": "z"}]},
        {"vars": {"b": "z"}},
        {"vars": {"a": "y"}, "assert": equal},
    ]
    found = read("promptfoo", written(tmp_path, json.dumps({"prompts": "Say {{a}}", "tests": rows}), "c.json"))
    assert (list(found.unreadable), found.job["metric"], found.lost) == ([2, 3], "exact_match", {})
    assert [each["ideal"] for each in found.examples] == ["y", "y"]


def test_a_job_that_only_the_judge_is_left_for_says_so(tmp_path) -> None:
    rows = [{"vars": {"a": "x"}, "assert": [{"type": "equals", "value": "y"}]}, {"vars": {"a": "y"}}]
    found = read("promptfoo", written(tmp_path, json.dumps({"prompts": "Say {{a}}", "tests": rows}), "c.json"))
    assert "metric" not in found.job
    assert found.lost == {"check exact_match": 1, "metric": 1}


def test_settings_without_an_equivalent_are_listed_and_sampling_is_carried_over(tmp_path) -> None:
    text = """
prompts: ["Say {{a}}"]
providers: [{id: "openai:gpt", config: {temperature: 0, max_tokens: 50, top_p: 1}}]
scenarios: []
defaultTest: {options: {transform: output.trim()}}
tests: [{vars: {a: x}, threshold: 1}, {vars: {a: y}}]
"""
    found = read("promptfoo", written(tmp_path, text))
    assert found.job == {"prompt": "Say {input}", "temperature": 0.0, "max_tokens": 50}
    assert set(found.lost) == {
        "provider openai:gpt",
        "provider setting top_p",
        "setting scenarios",
        "option transform",
        "threshold of a test",
    }


@pytest.mark.parametrize(("text", "said"), [("just text", "neither"), ("a: [", "not YAML"), ("- &a [*a]", "expands")])
def test_a_file_that_is_no_configuration_is_refused(tmp_path, text, said) -> None:
    with pytest.raises(FileError, match=said):
        read("promptfoo", written(tmp_path, text))


def test_assertions_that_are_kept_in_one_place_are_found_there(tmp_path) -> None:
    text = """
prompts: ["Say {{a}}"]
tests: [{vars: {a: x}, assert: [{$ref: "#/assertionTemplates/noise", weight: 2}, {$ref: "#/gone"}]}]
assertionTemplates: {noise: {type: contains, value: arrr}}
"""
    found = read("promptfoo", written(tmp_path, text))
    assert (found.job["metric"], found.examples[0]["ideal"]) == ("contains", "arrr")
    assert found.lost == {"assertion None": 1}


def test_plain_words_of_yaml_are_what_promptfoo_takes_them_for(tmp_path) -> None:
    words = ["Yes", "no", "12:30", "010", "1e3", "-7", "1.50", "true", "null", "2024-01-02", ".5", "0x1F", "on"]
    rows = "".join(f"- vars: {{a: x, b: {word}}}\n" for word in words)
    found = read("promptfoo", written(tmp_path, rows, "tests.yaml"))
    values = [each["input"].partition("b: ")[2] for each in found.examples]
    assert values == [
        "Yes",
        "no",
        "12:30",
        "010",
        "1000",
        "-7",
        "1.5",
        "true",
        "null",
        "2024-01-02",
        "0.5",
        "0x1F",
        "on",
    ]


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("rows.csv", "line"),
        ("file://rows.JSONL", "line"),
        (["a.csv", "b.ndjson"], "line"),
        ("rows.yaml", "example"),
        (["a.csv", {"vars": {}}], "example"),
        ([{"vars": {}}], "example"),
        (None, "example"),
    ],
)
def test_tests_are_told_by_their_line_only_where_they_have_one(named, place) -> None:
    assert place_of(named) == place
