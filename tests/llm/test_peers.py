"""Where a connection has led is looked at before a byte is sent, however the address was spelled or found."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from gepa_next.llm.peers import ForbiddenPeer, is_public, is_public_or_private
from gepa_next.llm.transport import Transport

TIMEOUT_S = 10.0
PUBLIC = ["8.8.8.8", "203.0.114.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
PRIVATE = [
    "127.0.0.1", "127.255.0.3", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "::1",
    "fd00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::",
]  # fmt: skip
NEVER = [
    "0.0.0.0",  # noqa: S104 - nobody listens there
    "169.254.169.254", "169.254.1.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1",
    "::", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1", "2001:db8::1", "::127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert (is_public(address), is_public_or_private(address)) == (True, True)


@pytest.mark.parametrize("address", PRIVATE)
def test_loopback_and_private_ones_only_if_that_is_allowed(address: str) -> None:
    assert (is_public(address), is_public_or_private(address)) == (False, True)


@pytest.mark.parametrize("address", NEVER)
def test_some_may_never_be_called(address: str) -> None:
    assert (is_public(address), is_public_or_private(address)) == (False, False)


@contextmanager
def listening() -> Iterator[tuple[int, list[bytes]]]:
    """Accept one connection and yield the port, and what it has sent once it is closed."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT_S)
        heard: list[bytes] = []

        def hear() -> None:
            connection, _ = server.accept()
            with connection:
                connection.settimeout(TIMEOUT_S)
                heard.append(connection.recv(1000))

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join(TIMEOUT_S)
        assert heard != [], "nobody connected"


SPELLINGS = [
    "127.0.0.1", "localhost", "LOCALHOST", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1",
    "0177.0.0.1", "017700000001", "127.000.000.001", "0", "00", "0x7f.0x1", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_loopback_is_refused_however_it_is_spelled(host: str) -> None:
    transport = Transport(timeout_s=TIMEOUT_S, admits=is_public)
    with listening() as (port, heard), pytest.raises(ForbiddenPeer):
        transport.post(f"http://{host}:{port}/run", b"secret", {})
    assert heard == [b""]
    transport.close()


@pytest.mark.parametrize("fresh", [False, True])
@pytest.mark.parametrize("origin", ["http://127.0.0.1", "https://127.0.0.1", "http://localhost", "http://2130706433"])
def test_nothing_is_sent_to_an_address_that_is_not_admitted(origin: str, fresh: bool) -> None:  # noqa: FBT001
    transport = Transport(timeout_s=TIMEOUT_S, admits=is_public)
    with listening() as (port, heard), pytest.raises(ForbiddenPeer):
        transport.post(f"{origin}:{port}/run", b"secret", {}, fresh=fresh)
    assert heard == [b""]
    transport.close()


def test_a_name_that_means_another_address_the_second_time_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _, *rest: resolve("127.0.0.1", *rest))
    transport = Transport(timeout_s=TIMEOUT_S, admits=is_public)
    with listening() as (port, heard), pytest.raises(ForbiddenPeer):
        transport.post(f"http://looks-public.example:{port}/run", b"secret", {})
    assert heard == [b""]
    transport.close()


def test_models_of_the_operator_s_are_called_wherever_they_are() -> None:
    transport = Transport(timeout_s=TIMEOUT_S)
    with listening() as (port, heard), pytest.raises(Exception, match="Connection aborted"):
        transport.post(f"http://127.0.0.1:{port}/run", b"hello", {})
    assert heard[0].startswith(b"POST /run")
    transport.close()
