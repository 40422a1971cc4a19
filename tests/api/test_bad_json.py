"""Bodies that are no usable JSON are refused in one shape, and no job comes of them."""

import gzip
import json
import socket

import pytest

from gepa_next.api.edge.body import DEEPEST, parse_json
from gepa_next.errors import RefusedError
from tests.api.answers import refused, wrong
from tests.support.service import TOKEN

POST_PATHS = ["/v1/optimize", "/v1/examples"]


@pytest.fixture(autouse=True)
def nothing_comes_of_it(client):
    yield
    assert client.get("/v1/optimize").json["items"] == []
    assert client.get("/v1/examples").json["items"] == []


def post(client, body, path="/v1/optimize", content_type="application/json", **headers):
    return client.post(path, data=body, content_type=content_type, headers=headers)


@pytest.mark.parametrize("path", POST_PATHS)
@pytest.mark.parametrize("body", ["", "{", '{"prompt":', "prompt=a", '{"prompt": "a"} b', "{'prompt': 'a'}", b"\xff{}"])
def test_what_is_not_json_is_400(client, path, body) -> None:
    refused(post(client, body, path), 400, "invalid_json")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_numbers_that_json_does_not_have_are_400(client, number) -> None:
    error = refused(post(client, f'{{"prompt": "a", "temperature": {number}}}'), 400, "invalid_json")
    assert number in error["message"]


@pytest.mark.parametrize("path", POST_PATHS)
@pytest.mark.parametrize("depth", [101, 190, 250, 1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_deep_json_is_400(client, path, depth, opening, closing) -> None:
    nested = opening * depth + "1" + closing * depth
    body = f'{{"prompt": "a", "input": "a", "meta": {{"a": {nested}}}}}'
    assert "levels deep" in refused(post(client, body, path), 400, "invalid_json")["message"]


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_as_many_levels_as_are_allowed_are_read_and_not_one_more(opening, closing) -> None:
    def nested(levels):
        return f"[{opening * (levels - 1)}1{closing * (levels - 1)}, [], []]"

    assert parse_json(nested(DEEPEST))
    with pytest.raises(RefusedError, match="levels deep"):
        parse_json(nested(DEEPEST + 1))


def test_many_values_beside_one_another_are_not_deep() -> None:
    beside = [{"a": [{}]}] * (DEEPEST + 1)
    assert parse_json(json.dumps(beside)) == beside


@pytest.mark.parametrize("value", ["null", "[]", '"a"', "1", "true"])
def test_json_that_is_no_object_is_422(client, value) -> None:
    wrong(post(client, value), "")


@pytest.mark.parametrize(
    ("body", "path", "said"),
    [
        (r'{"prompt": "a\ud800"}', "prompt", "surrogates"),
        (r'{"prompt": "a", "examples": [{"input": "\udfff"}]}', "examples.0.input", "surrogates"),
        (r'{"prompt": "a", "metadata": {"\ud800": 1}}', "metadata", "surrogates"),
        (r'{"prompt": "a\u0000b"}', "prompt", "NUL"),
        (r'{"prompt": "a", "metadata": {"x": ["\u0000"]}}', "metadata.x.0", "NUL"),
        ('{"prompt": "a", "temperature": 1e999}', "temperature", "too large"),
        ('{"prompt": "a", "metadata": {"n": 9223372036854775808}}', "metadata.n", "too large"),
        (f'{{"prompt": "a", "seed": 1{"0" * 400}}}', "seed", "too large"),
    ],
)
def test_what_cannot_be_kept_is_422_with_its_place(client, body, path, said) -> None:
    assert said in wrong(post(client, body), path)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
@pytest.mark.parametrize("path", POST_PATHS)
def test_another_content_type_is_415(client, path, content_type) -> None:
    error = refused(post(client, '{"prompt": "a"}', path, content_type), 415, "unsupported_media_type")
    assert "application/json" in error["message"]


@pytest.mark.parametrize("path", POST_PATHS)
@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
def test_an_encoded_body_is_415(client, path, encoding) -> None:
    packed = gzip.compress(b'{"prompt": "a", "input": "a"}')
    answer = post(client, packed, path, **{"Content-Encoding": encoding})
    assert "Content-Encoding" in refused(answer, 415, "unsupported_media_type")["message"]


@pytest.mark.parametrize("path", POST_PATHS)
@pytest.mark.parametrize("encoding", ["", " ", "identity", "Identity"])
def test_a_body_that_is_said_to_be_packed_in_nothing_is_read(client, path, encoding) -> None:
    refused(post(client, "{", path, **{"Content-Encoding": encoding}), 400, "invalid_json")


def test_a_body_over_the_limit_is_413(open_with, client) -> None:
    small = open_with(max_request_bytes=1024).client()
    error = refused(post(small, json.dumps({"prompt": "a" * 1024})), 413, "payload_too_large")
    assert "1024 bytes" in error["message"]


def chunked(url, path, body: bytes, content_type="application/json") -> bytes:
    """Send the body in chunks of 100 bytes and return the status line."""
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\n"
    head += f"Content-Type: {content_type}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    parts = [body[place : place + 100] for place in range(0, len(body), 100)]
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts)
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(head.encode() + chunks + b"0\r\n\r\n")
        return connection.makefile("rb").readline()


def test_a_chunked_body_over_the_limit_is_413_and_not_cut(open_with, client) -> None:
    lines = b"".join(b'{"input": "%04d"}\n' % number for number in range(100))
    with open_with(max_request_bytes=1024).served() as url:
        assert b" 413 " in chunked(url, "/v1/examples", lines, "application/x-ndjson")


def test_a_chunked_body_at_the_limit_is_read(open_with, client) -> None:
    with open_with(max_request_bytes=1024).served() as url:
        assert b" 422 " in chunked(url, "/v1/optimize", b"{}" + b" " * 1022)
        assert b" 413 " in chunked(url, "/v1/optimize", b"{}" + b" " * 1023)
