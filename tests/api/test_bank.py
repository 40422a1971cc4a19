"""The example bank: one example or many, in JSON, JSON lines or CSV, and jobs that draw on it."""

import json

import pytest

from tests.api.answers import refused, wrong


def import_text(client, text, content_type="text/csv"):
    data = text if isinstance(text, bytes) else text.encode()
    return client.post("/v1/examples", data=data, content_type=content_type)


def bank(client, query=""):
    return client.get(f"/v1/examples{query}").json["items"]


def ids(client, query=""):
    return [item["id"] for item in bank(client, query)]


def test_one_example_comes_back_as_it_is_kept(client) -> None:
    given = {"id": "a", "input": "1", "ideal": "one", "tags": ["x"], "meta": {"n": [1]}}
    answer = client.post("/v1/examples", json=given)
    assert answer.status_code == 201
    assert answer.json.items() >= given.items()
    assert client.get("/v1/examples/a").json == answer.json


def test_an_example_without_an_id_is_named_after_its_content(client) -> None:
    first, second = (client.post("/v1/examples", json={"input": "1"}).json["id"] for _ in range(2))
    assert first == second
    assert len(bank(client)) == 1


def test_the_same_id_replaces(client) -> None:
    client.post("/v1/examples", json={"id": "a", "input": "1", "ideal": "one", "tags": ["x"]})
    client.post("/v1/examples", json={"id": "a", "input": "2"})
    assert [(item["input"], item["ideal"], item["tags"]) for item in bank(client)] == [("2", None, [])]


@pytest.mark.parametrize("content_type", ["application/json", "application/x-ndjson"])
def test_many_are_counted_and_errors_told_by_row(client, content_type) -> None:
    rows = [{"id": "a", "input": "1"}, {"id": "b"}, {"id": "c", "input": "3", "colour": 1}, {"id": "d", "input": "4"}]
    text = json.dumps(rows) if content_type == "application/json" else "\n".join(map(json.dumps, rows))
    answer = import_text(client, text, content_type)
    assert answer.status_code == 200
    assert (answer.json["upserted"], answer.json["duplicates"]) == (2, 0)
    assert [(error["row"], error["path"]) for error in answer.json["errors"]] == [(2, "input"), (3, "colour")]
    assert ids(client) == ["a", "d"]


def test_what_the_bank_holds_already_is_counted(client) -> None:
    for _ in range(2):
        answer = import_text(client, "input\n1\n2\n")
    assert (answer.json["upserted"], answer.json["duplicates"]) == (2, 2)
    assert sorted(each["row"] for each in answer.json["first_duplicates"]) == [2, 3]
    assert {each["id"] for each in answer.json["first_duplicates"]} == set(ids(client))


def test_the_first_of_what_was_known_is_told_by_row_whatever_the_ids(client, monkeypatch) -> None:
    monkeypatch.setattr("gepa_next.api.bank.importing.MOST_TOLD", 3)
    monkeypatch.setattr("gepa_next.api.bank.importing.WRITTEN_AT_ONCE", 2)
    text = "id,input\n" + "".join(f"e{9 - n},{n}\n" for n in range(8))
    import_text(client, text)
    told = import_text(client, text).json["first_duplicates"]
    assert told == [{"row": 2, "id": "e9"}, {"row": 3, "id": "e8"}, {"row": 4, "id": "e7"}]


def test_content_is_known_under_another_id_and_within_a_request(client) -> None:
    client.post("/v1/examples", json={"id": "mine", "input": "1"})
    answer = import_text(client, "id,input\n,1\nb,2\nc,2\n")
    assert (answer.json["upserted"], answer.json["duplicates"]) == (3, 2)
    assert {each["row"] for each in answer.json["first_duplicates"]} == {2, 4}
    client.post("/v1/examples", json={"id": "mine", "input": "changed"})
    assert import_text(client, "id,input\nd,changed\n").json["duplicates"] == 1


def test_an_id_made_of_content_says_nothing_of_what_somebody_put_under_it(client) -> None:
    named = client.post("/v1/examples", json={"input": "1"}).json["id"]
    client.post("/v1/examples", json={"id": named, "input": "2"})
    assert import_text(client, "input\n1\n").json["duplicates"] == 0
    assert import_text(client, "input\n2\n").json["duplicates"] == 0
    assert import_text(client, "input\n1\n2\n").json["duplicates"] == 2


def test_of_rows_with_one_id_the_last_stays_in_whatever_pieces_they_are_written(client, monkeypatch) -> None:
    monkeypatch.setattr("gepa_next.api.bank.importing.WRITTEN_AT_ONCE", 2)
    rows = [{"id": f"e{n % 3}", "input": f"{n}"} for n in range(10)]
    assert import_text(client, json.dumps(rows), "application/json").json["upserted"] == 10
    assert [(item["id"], item["input"]) for item in bank(client)] == [("e0", "9"), ("e1", "7"), ("e2", "8")]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(client) -> None:
    client.post("/v1/examples", json={"input": "1"})
    text = "input,colour\n1,\n2,\n2,\n,red\n"
    told = client.post("/v1/examples?dry_run=true", data=text, content_type="text/csv").json
    assert len(bank(client)) == 1
    assert told == import_text(client, text).json
    assert (told["upserted"], told["duplicates"], told["left_out"]) == (3, 2, 1)
    wrong(client.post("/v1/examples?dry_run=true", json={"input": "1"}), "dry_run")
    wrong(client.post("/v1/examples?dry_run=yes", json=[]), "dry_run")


@pytest.mark.parametrize("text", ["[]", ""])
def test_nothing_imported_is_no_error(client, text) -> None:
    content_type = "application/json" if text else "application/x-ndjson"
    assert import_text(client, text, content_type).json == {
        "upserted": 0, "duplicates": 0, "left_out": 0, "errors": [], "first_duplicates": [],
    }  # fmt: skip


def test_a_broken_line_does_not_spoil_the_others(client) -> None:
    text = '{"input": "1"}\r\n\r\n{"input": \n{"input": "\\u0000"}\n[1]\n{"input": NaN}\n{"input": "2"}'
    answer = import_text(client, text, "application/x-ndjson")
    assert answer.json["upserted"] == 2
    assert [error["row"] for error in answer.json["errors"]] == [3, 4, 5, 6]


def test_a_deep_line_does_not_spoil_the_others(client) -> None:
    text = '{"input": "1", "meta": {"a": ' + "[" * 100_000 + '}}\n{"input": "2"}'
    answer = import_text(client, text, "application/x-ndjson")
    assert (answer.json["upserted"], answer.json["errors"][0]["row"]) == (1, 1)


def test_csv_columns_become_fields_tags_and_meta(client) -> None:
    import_text(client, "id,input,ideal,tags,source,note\na,1,one,x; y;,web,\n")
    shown = bank(client)[0]
    assert shown["tags"] == ["x", "y"]
    assert shown["meta"] == {"source": "web"}
    assert (shown["input"], shown["ideal"]) == ("1", "one")


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b""])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_as_spreadsheets_write_it(client, start, end) -> None:
    text = end.join(["id,input", 'a,"says ""hi"", and\n\ngoes"', "b, x "]) + end
    assert import_text(client, start + text.encode()).json["upserted"] == 2
    assert [item["input"] for item in bank(client)] == ['says "hi", and\n\ngoes', " x "]


@pytest.mark.parametrize(
    ("row", "said"), [("b", "as many fields"), ("b,c,d", "as many fields"), ("b,\0", "NUL"), ('"b"c,d', "not CSV")]
)
def test_a_wrong_csv_row_is_told_by_its_line(client, row, said) -> None:
    answer = import_text(client, f"input,ideal\n1,one\n{row}\n")
    assert answer.json["upserted"] == 1
    assert answer.json["errors"][0]["row"] == 3
    assert said in answer.json["errors"][0]["message"]


def test_a_quote_that_does_not_end_says_that_the_rest_is_lost(client) -> None:
    answer = import_text(client, 'input\n1\n"2\n3\n')
    assert answer.json["upserted"] == 1
    assert answer.json["errors"][0]["row"] == 3
    assert "from here on" in answer.json["errors"][0]["message"]


@pytest.mark.parametrize("text", ["", "\n", "question\n1\n", '"input', "input,input\n1,2\n", "input,a\0b\n1,2\n"])
def test_a_csv_header_that_cannot_be_used_is_422(client, text) -> None:
    refused(import_text(client, text), 422, "validation_error")
    assert bank(client) == []


def test_bytes_that_are_no_text_are_400(client) -> None:
    refused(import_text(client, b"input\n\xff\xfe\n"), 400, "invalid_json")


def test_a_hundred_errors_are_told_at_most(client) -> None:
    answer = import_text(client, "[" + ",".join(["1"] * 500) + "]", "application/json")
    assert (len(answer.json["errors"]), answer.json["left_out"]) == (100, 500)


@pytest.mark.parametrize("value", ["1", '"a"', "null", '{"input": ""}', '{"input": "a", "id": "a/b"}'])
def test_a_wrong_single_example_is_422(client, value) -> None:
    refused(import_text(client, value, "application/json"), 422, "validation_error")


def test_a_deleted_example_is_gone(client) -> None:
    client.post("/v1/examples", json={"id": "a", "input": "1"})
    answer = client.delete("/v1/examples/a")
    assert (answer.status_code, answer.data) == (204, b"")
    refused(client.get("/v1/examples/a"), 404, "not_found")
    refused(client.delete("/v1/examples/a"), 404, "not_found")


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
def test_paging_shows_every_example_once(client, limit) -> None:
    client.post("/v1/examples", json=[{"id": f"e{n}", "input": f"{n}"} for n in range(5)])
    found, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/examples?limit={limit}{cursor}").json
        found += [item["id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}" if page["next_cursor"] else None
    assert found == [f"e{n}" for n in range(5)]


def test_tags_choose_what_has_all_of_them(client) -> None:
    rows = [{"id": "a", "input": "1", "tags": ["x", "y"]}, {"id": "b", "input": "2", "tags": ["x"]}]
    client.post("/v1/examples", json=[*rows, {"id": "c", "input": "3"}])
    assert [ids(client), ids(client, "?tag=x"), ids(client, "?tag=x&tag=y"), ids(client, "?tag=z")] == [
        ["a", "b", "c"], ["a", "b"], ["a"], [],
    ]  # fmt: skip


@pytest.mark.parametrize("query", ["?tags=x", "?status=queued", "?limit=1&limit=2"])
def test_an_unknown_query_value_is_422(client, query) -> None:
    wrong(client.get(f"/v1/examples{query}"), query[1:].split("=")[0])


def draw(client, **body):
    return client.post("/v1/optimize", json={"prompt": "a", **body})


def test_a_job_draws_on_the_bank(client) -> None:
    client.post("/v1/examples", json=[{"input": f"{n}", "tags": ["x"] if n < 3 else []} for n in range(5)])
    sizes = [draw(client, bank=drawn).json["split"]["train"] for drawn in ({"tags": ["x"]}, {"limit": 2})]
    assert sizes == [3, 2]


def test_what_the_body_brings_is_not_drawn_again(client) -> None:
    client.post("/v1/examples", json=[{"id": "a", "input": "1"}, {"id": "b", "input": "2"}])
    examples = [{"id": "mine", "input": "1"}, {"id": "b", "input": "another"}]
    assert draw(client, bank={}, examples=examples).json["split"]["train"] == 2


def test_what_the_bank_holds_twice_is_drawn_once(client) -> None:
    client.post("/v1/examples", json=[{"id": "a", "input": "1"}, {"id": "b", "input": "1"}])
    assert draw(client, bank={}).json["split"]["train"] == 1


def test_an_example_deleted_later_stays_with_the_job(client, service) -> None:
    client.post("/v1/examples", json=[{"id": f"e{n}", "input": f"{n}"} for n in range(4)])
    job_id = draw(client, bank={}, iterations=1).json["job_id"]
    client.delete("/v1/examples/e0")
    service.run(job_id)
    splits = client.get(f"/v1/optimize/{job_id}/artifacts/receipt.json").json["splits"]
    assert "e0" in splits["train"]["ids"] + splits["validation"]["ids"]


@pytest.mark.parametrize("drawn", [{"limit": 0}, {"limit": 10_001}, {"limit": True}, {"limit": "5"}])
def test_a_wrong_limit_is_422(client, drawn) -> None:
    wrong(draw(client, bank=drawn), "bank.limit")


def test_body_and_bank_together_are_10_000_at_most(client) -> None:
    client.post("/v1/examples", json=[{"input": "one more"}])
    examples = [{"input": f"{n}"} for n in range(10_000)]
    wrong(draw(client, bank={}, examples=examples), "bank.limit")
