"""Look at where a connection has really led, before a byte is sent: a name may mean another address each time."""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

PRIVATE = tuple(
    ip_network(each)
    for each in (
        "127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "::1/128", "fc00::/7",
    )
)  # fmt: skip
_NAT64 = ip_network("64:ff9b::/96")

Admits = Callable[[str], bool]


class ForbiddenPeer(Exception):
    """Report a connection to an address that is not allowed; it is closed and nothing was sent."""


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public internet; one that another is wrapped in is as the inner one."""
    ip = _unwrapped(ip_address(address))
    special = ip.is_multicast or ip.is_reserved or (isinstance(ip, IPv6Address) and ip.is_site_local)
    return ip.is_global and not special


def is_public_or_private(address: str) -> bool:
    """Say whether an IP address is public, loopback or of a private network; link-local ones never are."""
    ip = _unwrapped(ip_address(address))
    return is_public(address) or any(ip in network for network in PRIVATE)


def check_peer(sock: socket.socket, admits: Admits) -> None:
    """Close the socket and raise ForbiddenPeer unless its peer's address is admitted."""
    try:
        address = sock.getpeername()[0]
        if admits(address):
            return
    except BaseException:
        sock.close()
        raise
    sock.close()
    raise ForbiddenPeer("the address is not one that may be called")


def _unwrapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    if isinstance(ip, IPv4Address):
        return ip
    if ip in _NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip
