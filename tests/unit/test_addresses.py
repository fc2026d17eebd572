"""A call goes where its setting says and nowhere else: not where an answer, a redirect or a name's owner sends it."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from connectors.deliveries.kind import Call
from connectors.resilience import Failure
from connectors.transports.addresses import Allowed, Forbidden, PinnedHere
from connectors.transports.rest import Rest
from schemas.settings import Settings

NAME = "erp.example"


@contextmanager
def server(
    status: int = 200, issued: trustme.LeafCert | None = None, **headers: str
) -> Iterator[tuple[int, list[str]]]:
    """A web server that answers every GET so, over TLS with a certificate: its port, and what it was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(f"{self.headers['Host']}{self.path}")
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if issued:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        issued.configure_cert(context)
        made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    try:
        yield made.server_address[1], asked
    finally:
        made.shutdown()
        made.server_close()
        thread.join()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[str]]:
    """What names mean, the next address first: whoever owns a name may change it between two questions."""
    meant: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *rest: Any, **options: Any) -> Any:
        told = meant.get(str(host))
        return real(told.pop(0) if told else host, port, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return meant


def asked_here(url: str, **settings: Any) -> int:
    """The status of a call that waits where it is made."""
    with httpx2.Client(transport=PinnedHere(Settings(**settings))) as client:
        return client.get(url).status_code


def called(url: str, path: str = "orders", **settings: Any) -> Any:
    """A call to the ERP as a delivery makes it. Raises Failure."""

    async def secret(_: str) -> str | None:
        return None

    async def call() -> Any:
        rest = Rest(Settings(erp_url=url, **settings), secret)
        try:
            return await rest.call("ERP", Call("GET", path), "DEL-1", "corr")
        finally:
            await rest.close()

    return asyncio.run(call())


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "100.100.100.200",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "2002:7f00:1::",
    ],
)
def test_a_name_that_means_this_machine_the_link_or_a_metadata_service_is_refused(address: str) -> None:
    with pytest.raises(Forbidden, match=NAME):
        Allowed("").choose(NAME, [address])
    with pytest.raises(Forbidden):
        Allowed("").choose(NAME, ["10.1.2.3", address])
    assert Allowed(f"other, {NAME}").choose(NAME, [address])


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.7.7", "172.16.0.9", "93.184.216.34", "fd12::7"])
def test_systems_of_the_plant_may_be_called_wherever_they_are(address: str) -> None:
    assert Allowed("").choose(NAME, [address]) == address


def test_a_network_may_be_allowed() -> None:
    assert Allowed("127.0.0.0/8").choose(NAME, ["127.8.8.8"]) == "127.8.8.8"
    with pytest.raises(Forbidden):
        Allowed("127.0.0.0/8").choose(NAME, ["169.254.169.254"])


def test_this_machine_is_called_where_a_setting_says_so_by_name() -> None:
    with server() as (port, asked):
        assert asked_here(f"http://127.0.0.1:{port}/a") == 200
        called(f"http://localhost:{port}")
    assert len(asked) == 2


def test_a_name_is_resolved_once_and_what_was_checked_is_called(names: dict[str, list[str]]) -> None:
    names[NAME] = ["127.0.0.1", "169.254.169.254"]
    with server() as (port, asked):
        assert asked_here(f"http://{NAME}:{port}/a", call_allowed="127.0.0.1") == 200
    assert names[NAME] == ["169.254.169.254"], "nobody asked a second time"
    assert asked == [f"{NAME}:{port}/a"], "the Host header keeps the name"


def test_a_name_that_begins_to_mean_this_machine_is_not_called(names: dict[str, list[str]]) -> None:
    names[NAME] = ["127.0.0.1"]
    with server() as (port, asked):
        with pytest.raises(Failure, match="this machine") as failure:
            called(f"http://{NAME}:{port}")
        assert failure.value.trouble == "refused"
    assert asked == []


def test_a_redirect_is_an_answer_and_no_order() -> None:
    with server() as (inner, reached), server(302, Location=f"http://127.0.0.1:{inner}/secret") as (port, asked):
        with pytest.raises(Failure):
            called(f"http://127.0.0.1:{port}")
        assert asked_here(f"http://127.0.0.1:{port}/jwks") == 302
    assert len(asked) == 2
    assert reached == []


@pytest.mark.parametrize(
    "path", ["http://127.0.0.1:{inner}/secret", "http://127.0.0.1:{port}/erpx/secret", "file:///etc/passwd"]
)
def test_an_address_in_an_answer_leads_nowhere_but_to_the_system_itself(path: str) -> None:
    with server() as (inner, reached), server() as (port, asked):
        with pytest.raises(Failure, match="ERP_URL") as failure:
            called(f"http://127.0.0.1:{port}/erp", path.format(inner=inner, port=port))
        assert failure.value.trouble == "refused"
        called(f"http://127.0.0.1:{port}/erp", f"http://127.0.0.1:{port}/erp/next")
    assert reached == []
    assert asked == [f"127.0.0.1:{port}/erp/next"]


@pytest.mark.parametrize(("issued_to", "is_trusted"), [(NAME, True), ("another.example", False)])
def test_the_certificate_is_the_names_and_not_the_addresses(
    names: dict[str, list[str]], tmp_path: Path, issued_to: str, is_trusted: bool
) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    names[NAME] = ["127.0.0.1"]
    settings = {"call_allowed": NAME, "integration_ca_file": str(tmp_path / "ca.pem")}
    with server(issued=authority.issue_cert(issued_to)) as (port, asked):
        if is_trusted:
            called(f"https://{NAME}:{port}", **settings)
        else:
            with pytest.raises(Failure, match="certificate"):
                called(f"https://{NAME}:{port}", **settings)
    assert len(asked) == is_trusted
