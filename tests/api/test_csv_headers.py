"""A CSV header is read as people write it."""

import pytest


@pytest.mark.parametrize("header", ["input,ideal", "input, ideal", " input ,expected", "input,output"])
def test_a_column_is_known_by_any_of_its_names(client, header) -> None:
    answer = client.post("/v1/examples", data=f"{header}\r\nTwo plus two?,4\r\n", content_type="text/csv")
    assert (answer.json["upserted"], answer.json["left_out"]) == (1, 0)
    (example,) = client.get("/v1/examples").json["items"]
    assert (example["input"], example["ideal"], example["meta"]) == ("Two plus two?", "4", {})


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_cells_are_split_as_the_header_is(client, delimiter) -> None:
    data = delimiter.join(["id", "input", "ideal"]) + "\r\n" + delimiter.join(["a", "Two; plus, two?", "4"]) + "\r\n"
    data = data.replace("Two; plus, two?", '"Two; plus, two?"')
    client.post("/v1/examples", data=data, content_type="text/csv")
    (example,) = client.get("/v1/examples").json["items"]
    assert (example["id"], example["input"], example["ideal"]) == ("a", "Two; plus, two?", "4")


def test_a_header_without_input_is_told_what_it_has(client) -> None:
    answer = client.post("/v1/examples", data="question;answer\r\na;b\r\n", content_type="text/csv")
    assert answer.status_code == 422
    assert "it has question, answer" in answer.json["error"]["details"][0]["message"]
