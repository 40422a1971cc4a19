"""A CSV header is read as people write it."""

import pytest


@pytest.mark.parametrize("header", ["input,ideal", "input, ideal", " input ,expected", "input,output"])
def test_a_column_is_known_by_any_of_its_names(client, header) -> None:
    answer = client.post("/v1/examples", data=f"{header}\r\nTwo plus two?,4\r\n", content_type="text/csv")
    assert (answer.json["upserted"], answer.json["left_out"]) == (1, 0)
    (example,) = client.get("/v1/examples").json["items"]
    assert (example["input"], example["ideal"], example["meta"]) == ("Two plus two?", "4", {})
