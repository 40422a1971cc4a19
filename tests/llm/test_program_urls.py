"""The operator's list decides which URLs are a program's: names and paths are compared whole."""

import pytest

from gepa_next.llm.program_urls import ProgramUrls

URLS = ProgramUrls(("https://example.org/agents/", "http://127.0.0.1:9000", "https://one.example:8443/run"))


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/agents/one",
        "https://example.org/agents/one/two/",
        "https://EXAMPLE.org/agents/one",
        "https://example.org:443/agents/one",
        "https://example.org/agents",
        "http://127.0.0.1:9000",
        "http://127.0.0.1:9000/anything",
        "https://one.example:8443/run",
        "https://one.example:8443/run/",
    ],
)
def test_what_is_listed_and_what_is_below_it_is_allowed(url: str) -> None:
    assert URLS.allows(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/agents/one",
        "https://example.org/",
        "https://example.org/agentsmith",
        "https://example.org.evil.example/agents/one",
        "https://evil.example/https://example.org/agents/one",
        "https://example.org./agents/one",
        "https://example.org:444/agents/one",
        "http://127.0.0.1:90001/",
        "http://127.0.0.1:900/",
        "http://127.1:9000/",
        "http://2130706433:9000/",
        "http://0x7f000001:9000/",
        "http://localhost:9000/",
        "https://one.example:8443/runner",
    ],
)
def test_what_only_looks_like_it_is_not(url: str) -> None:
    try:
        assert not URLS.allows(url)
    except ValueError:
        assert url == "http://127.0.0.1:90001/"  # no port


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/agents/../admin",
        "https://example.org/agents/./one",
        "https://example.org/agents/%2e%2e/admin",
        "https://example.org/agents/..%2fadmin",
        "https://example.org/agents\\..\\admin",
        "https://example.org/agents/one?x=1",
        "https://example.org/agents/one#x",
        "https://user@example.org/agents/one",
        "https://example.org@evil.example/agents/one",
        "https://example.org\\@evil.example/agents/",
        "https:///agents/one",
        "ftp://example.org/agents/one",
        "file:///etc/passwd",
        "//example.org/agents/one",
        "https://example.org/agents/\none",
        "https://examp\u013ce.org/agents/one",
        "",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        URLS.allows(url)


def test_with_an_empty_list_nothing_is_allowed() -> None:
    assert not ProgramUrls().allows("https://example.org/agents/one")


@pytest.mark.parametrize("url", ["example.org", "https://example.org/a?b", "https://example.org/%61"])
def test_a_list_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="the URL"):
        ProgramUrls(("https://fine.example/", url))
