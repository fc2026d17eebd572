"""Where calls may go: a name is resolved once, what it means is checked, and that very address is connected to.

Mail and files go the same way: their URLs may be sealed in the database by people (`credentials set`). Where MQTT and
OPC-UA go stands in the operator's settings and layout only. Redirects are not followed (httpx2's default, held by a
test). An address of this machine, of the link or of a cloud's metadata service is refused, unless it is what a person
wrote down: this machine by its own name in a URL setting, anything in CALL_ALLOWED. Proxies of the environment are not
used: they would resolve the name again.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from typing import Any, Final

import httpx2

from schemas.settings import Settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

OURSELVES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
# Those that are no link-local addresses: Alibaba's, AWS' over IPv6, Oracle's.
METADATA: Final = frozenset(map(ipaddress.ip_address, ("100.100.100.200", "fd00:ec2::254", "192.0.0.192")))


class Forbidden(httpx2.ConnectError):
    """A call goes where none may go; a sentence."""


class Allowed:
    """What CALL_ALLOWED names: hosts as they are written, and networks."""

    def __init__(self, told: str) -> None:
        self.hosts: set[str] = set()
        self.networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        for each in filter(None, (part.strip().lower() for part in told.split(","))):
            try:
                self.networks.append(ipaddress.ip_network(each, strict=False))
            except ValueError:
                self.hosts.add(each)

    def choose(self, host: str, found: Iterable[str]) -> str:
        """The first address of a host, if a call may go to all of them. Raises Forbidden."""
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
        if not addresses:
            raise Forbidden(f"{host} has no address.")
        is_named = host.lower() in self.hosts or host.lower() in OURSELVES
        for each in addresses:
            if not (is_named or any(each in network for network in self.networks)) and (reason := why_not(each)):
                raise Forbidden(f"{host} is {each}, {reason}: no call goes there unless CALL_ALLOWED names it.")
        return str(addresses[0])


def why_not(address: Address) -> str | None:
    """Why no call goes to an address by itself; None where one may."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo and address.teredo[1])
        if inner:
            return why_not(inner)
    if address in METADATA or address.is_link_local:
        return "an address of the link or of a metadata service"
    if address.is_loopback or address.is_unspecified:
        return "this machine"
    if address.is_multicast or address.is_reserved:
        return "no address of one machine"
    return None


def resolved(host: str, port: int, allowed: Allowed) -> str:
    """The one address a connection to this host is made to. Raises Forbidden; OSError where the host has none."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return allowed.choose(host, [str(each[4][0]) for each in found])


class Pinned(httpx2.AsyncBaseTransport):
    """Connects to the address that was checked; the name stays in the Host header and in the certificate's check."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self._allowed, self._options = Allowed(settings.call_allowed), options
        # One for each host: a connection that was opened to one name is used for no other.
        self._inner: dict[str, httpx2.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises Forbidden, and what httpx2 raises."""
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpx2.ConnectError(f"{host} has no address: {error}") from error
        address = self._allowed.choose(host, [str(each[4][0]) for each in found])
        inner = self._inner.setdefault(host, httpx2.AsyncHTTPTransport(**self._options))
        return await inner.handle_async_request(_pinned(request, host, address))

    async def aclose(self) -> None:
        """Let go of all connections."""
        for each in self._inner.values():
            await each.aclose()


class PinnedHere(httpx2.BaseTransport):
    """The same for calls that wait where they are made."""

    def __init__(self, settings: Settings, verify: ssl.SSLContext | bool = True) -> None:
        self._allowed, self._verify = Allowed(settings.call_allowed), verify
        self._inner: dict[str, httpx2.HTTPTransport] = {}

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Raises Forbidden, and what httpx2 raises."""
        host, port = request.url.host, request.url.port or (443 if request.url.scheme == "https" else 80)
        try:
            address = resolved(host, port, self._allowed)
        except OSError as error:
            raise httpx2.ConnectError(f"{host} has no address: {error}") from error
        inner = self._inner.setdefault(host, httpx2.HTTPTransport(verify=self._verify))
        return inner.handle_request(_pinned(request, host, address))

    def close(self) -> None:
        """Let go of all connections."""
        for each in self._inner.values():
            each.close()


def _pinned(request: httpx2.Request, host: str, address: str) -> httpx2.Request:
    """The request to that address. Its Host header was made from the name, and stays."""
    request.url = request.url.copy_with(host=address)
    request.extensions = {**request.extensions, "sni_hostname": host}
    return request
