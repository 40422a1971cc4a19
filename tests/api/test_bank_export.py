"""The bank goes out as a file, and what goes in again is the same bank."""

import csv
import io
import random

import pytest

from tests.api.answers import wrong

CONTENT_TYPES = {"csv": "text/csv", "jsonl": "application/x-ndjson"}
HARMFUL = "=+-@\t\r"
PIECES = [
    *HARMFUL,
    "'",
    "''",
    '"',
    '""',
    ",",
    ";",
    "\n",
    "\r\n",
    " ",
    "[",
    "{",
    "é",
    "漢字",
    "🙂",
    "\u2028",
    "\ufeff",
    "a",
    "1",
]


def exported(client, kind: str, query: str = "") -> str:
    answer = client.get(f"/v1/examples?format={kind}{query}")
    assert answer.mimetype == CONTENT_TYPES[kind]
    assert answer.headers["Content-Disposition"].endswith(f"examples.{kind}")
    return answer.data.decode()


def bank(client) -> list[dict]:
    items = client.get("/v1/examples?limit=500").json["items"]
    return [{name: value for name, value in item.items() if name != "created_at"} for item in items]


def imported(client, kind: str, text: str) -> None:
    for item in bank(client):
        client.delete(f"/v1/examples/{item['id']}")
    answer = client.post("/v1/examples", data=text.encode(), content_type=CONTENT_TYPES[kind])
    assert answer.json["left_out"] == 0, answer.json["errors"]


def any_text(dice: random.Random) -> str:
    return "".join(dice.choices(PIECES, k=dice.randint(1, 6)))


def any_example(dice: random.Random, number: int) -> dict[str, object]:
    ideal = dice.choice([None, "", "'", "plain", any_text(dice)])
    tags = [any_text(dice) for _ in range(dice.randint(0, 3))]
    meta = {any_text(dice): dice.choice([any_text(dice), 1, 0.5, None, [], {"a": [True]}])}
    id_ = dice.choice(["", "@", "-", "+"]) + f"e{number}"
    return {"id": id_, "input": any_text(dice), "ideal": ideal, "tags": tags, "meta": dice.choice([{}, meta])}


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
@pytest.mark.parametrize("seed", range(3))
def test_what_went_out_makes_the_same_bank_again(client, kind, seed) -> None:
    dice = random.Random(seed)  # noqa: S311 - no secret
    given = [any_example(dice, number) for number in range(150)]
    assert client.post("/v1/examples", json=given).json["left_out"] == 0
    before, text = bank(client), exported(client, kind)
    imported(client, kind, text)
    assert bank(client) == before
    assert exported(client, kind) == text


def test_no_cell_of_the_csv_is_a_formula(client) -> None:
    given = [
        {"id": f"@{n}", "input": f"{each}1", "ideal": f"{each}2", "tags": [f"{each}3"]}
        for n, each in enumerate(HARMFUL)
    ]
    client.post("/v1/examples", json=given)
    rows = list(csv.reader(io.StringIO(exported(client, "csv"), newline="")))
    assert len(rows) == len(HARMFUL) + 1
    assert [cell for row in rows for cell in row if cell and cell[0] in HARMFUL] == []


@pytest.mark.parametrize(
    ("cell", "kept"), [("''tis", "''tis"), ("'quoted'", "'quoted'"), ("'=1+1", "=1+1"), ("=1", "=1")]
)
def test_an_apostrophe_is_taken_away_only_where_it_stands_before_a_formula(client, cell, kept) -> None:
    client.post("/v1/examples", data=f"input\n{cell}\n", content_type="text/csv")
    assert [item["input"] for item in bank(client)] == [kept]


@pytest.mark.parametrize(
    ("column", "cell"), [("meta", "text"), ("meta", "[1]"), ("meta", "{1"), ("tags", "[1"), ("tags", "[1]")]
)
def test_a_cell_that_is_no_json_where_json_is_meant_is_told(client, column, cell) -> None:
    answer = client.post("/v1/examples", data=f"input,{column}\na,{cell}\n", content_type="text/csv")
    assert (answer.json["upserted"], answer.json["errors"][0]["row"]) == (0, 2)
    assert column in answer.json["errors"][0]["path"] + answer.json["errors"][0]["message"]


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_a_bank_of_several_pages_goes_out_whole_or_by_tag(client, monkeypatch, kind) -> None:
    monkeypatch.setattr("gepa_next.api.bank.exporting.PAGE", 7)
    client.post(
        "/v1/examples", json=[{"id": f"e{n:02}", "input": f"{n}", "tags": ["t"] * (n % 3 == 0)} for n in range(40)]
    )
    header = kind == "csv"
    assert len(exported(client, kind).splitlines()) == 40 + header
    assert len(exported(client, kind, "&tag=t").splitlines()) == 14 + header
    assert len(exported(client, kind, "&tag=t&tag=other").splitlines()) == header


@pytest.mark.parametrize(
    "query", ["format=xml", "format=csv&limit=5", "format=csv&format=jsonl", "format=csv&cursor=a"]
)
def test_an_unknown_query_value_of_an_export_is_422(client, query) -> None:
    name = "format" if query.count("format") > 1 or "xml" in query else query.split("&")[1].split("=")[0]
    wrong(client.get(f"/v1/examples?{query}"), name)
