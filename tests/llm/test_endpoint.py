"""An endpoint or a price that cannot be used is refused at once, and a key is never shown."""

import pytest

from gepa_next.llm.endpoint import Endpoint
from gepa_next.llm.pricing import Prices, states_cost


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.openai.com/v1",
        "ftp://host/v1",
        "http://",
        "http:///v1",
        "http://host:99999/v1",
        "http://host:0/v1",
        "http://host:x/v1",
        "http://.host/v1",
        "http://ho st/v1",
        "http://[::1/v1",
        "http://höst/v1",
        "http://" + "a" * 64 + "/v1",
        "http://host/v1\r\nX: y",
        "https://me:secret@host/v1",
        "https://host/v1?key=1",
        "https://host/v1#x",
        "https://host/v1/chat/completions",
    ],
)
def test_a_bad_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Endpoint(url)


@pytest.mark.parametrize("url", ["https://openrouter.ai/api/v1/", "http://127.0.0.1:11434/v1", "http://[::1]:8000/v1"])
def test_a_good_url_loses_its_last_slash(url: str) -> None:
    assert Endpoint(f" {url} ").post_url == url.rstrip("/") + "/chat/completions"


@pytest.mark.parametrize("key", ["sk-€", "sk-a b", "sk-a\nX: y", "sk-\ud800"])
def test_a_bad_key_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ValueError, match="API key") as caught:
        Endpoint("https://host/v1", key)
    assert key not in str(caught.value)


def test_a_key_is_not_shown() -> None:
    assert "canary" not in repr(Endpoint("https://host/v1", "sk-canary"))


@pytest.mark.parametrize(
    "row",
    [
        3,
        {},
        {"input": 1},
        {"input": 1, "output": -1},
        {"input": "1", "output": 1},
        {"input": float("nan"), "output": 1},
        {"input": True, "output": 1},
        {"input": 1, "output": 1, "cached": 1},
    ],
)
def test_a_bad_price_is_refused_with_the_models_name(row: object) -> None:
    with pytest.raises(ValueError, match="acme/small"):
        Prices.from_mapping({"acme/small": row})


@pytest.mark.parametrize(
    ("base_url", "states"),
    [
        ("https://openrouter.ai/api/v1", True),
        ("https://api.openai.com/v1", False),
        ("https://API.OpenAI.com:443/v1", False),
        ("https://api.openai.com.", False),
        ("http://127.0.0.1:8080/v1", None),
        ("https://openrouter.ai.example.org/v1", None),
    ],
)
def test_of_few_providers_it_is_known_whether_they_state_a_cost(base_url: str, states: bool | None) -> None:  # noqa: FBT001 - a parameter of the test
    assert states_cost(base_url) is states


def test_a_model_without_a_price_costs_nobody_knows_what() -> None:
    assert Prices().cost_usd("acme/small", input_tokens=1, output_tokens=1) is None
