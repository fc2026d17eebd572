"""Files and mails reach real servers, whole or not at all; what goes wrong is trouble of a known kind."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from compose.local.identity import free_port
from connectors.deliveries.kind import Mail, Upload
from connectors.resilience import Failure
from connectors.transports.answers import Unreachable
from connectors.transports.files import Files
from connectors.transports.mail import Post
from schemas.settings import Settings

FILE = Upload("consumption-20261121T1205.json", '{"material": "MAT-Ä"}')
MAIL = Mail("manager@plant.example", "Reconciliation", "523 orders", "<p>523 orders</p>")


async def secret_of(settings: Settings, name: str) -> str | None:
    found: str | None = getattr(settings, name)
    return found


def files(**settings: Any) -> Files:
    told = Settings(**({"call_timeout_seconds": 5} | settings))
    return Files(told, lambda name: secret_of(told, name))


class Plant(asyncssh.SSHServer):
    """Lets in whoever knows the password."""

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return (username, password) == ("plant", "p@ss")


class Seen(asyncssh.SFTPServer):
    """A folder; writes down which names are opened and renamed."""

    done: list[str]
    refuses_posix = False

    def __init__(self, channel: Any, root: str, done: list[str]) -> None:
        super().__init__(channel, chroot=root.encode())
        self.done = done

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> Any:
        self.done.append(f"open {path.decode()}")
        return super().open(path, pflags, attrs)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> Any:
        self.done.append(f"rename {oldpath.decode()} {newpath.decode()}")
        return super().posix_rename(oldpath, newpath)


@asynccontextmanager
async def sftp_server(folder: Path) -> AsyncIterator[tuple[str, Path, list[str]]]:
    """A server over a folder: its URL, a file that knows its key, and what was done."""
    key, done = asyncssh.generate_private_key("ssh-ed25519"), list[str]()
    (folder / "in").mkdir()
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=Plant,
        server_host_keys=[key],
        sftp_factory=lambda channel: Seen(channel, str(folder), done),
        allow_scp=False,
    )
    port = server.sockets[0].getsockname()[1]
    known = folder / "known_hosts"
    known.write_text(f"[127.0.0.1]:{port} {key.export_public_key().decode()}")
    try:
        yield f"sftp://plant:p%40ss@127.0.0.1:{port}/in", known, done
    finally:
        server.close()
        await server.wait_closed()


async def test_a_file_appears_whole_under_its_name(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (url, known, done):
        there = files(sftp_url=url, sftp_known_hosts=str(known))
        answer = await there.upload(FILE)
        await there.upload(FILE)
    assert answer.body == {"path": f"/in/{FILE.name}", "bytes": 22}
    assert (tmp_path / "in" / FILE.name).read_text() == FILE.content
    assert [each.name for each in (tmp_path / "in").iterdir()] == [FILE.name], "nothing half done is left"
    part = f"/in/.{FILE.name}.part"
    assert done == [f"open {part}", f"rename {part} /in/{FILE.name}"] * 2


async def test_a_server_that_nobody_knows_is_not_spoken_to(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (url, known, done):
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        known.write_text(f"{known.read_text().split()[0]} {other}")
        with pytest.raises(Failure) as failure:
            await files(sftp_url=url, sftp_known_hosts=str(known)).upload(FILE)
    assert failure.value.trouble == "refused"
    assert done == []


async def test_a_wrong_password_is_unauthorized_and_a_missing_folder_is_not_found(tmp_path: Path) -> None:
    async with sftp_server(tmp_path) as (url, known, _):
        wrong = [(url.replace("p%40ss", "guess"), "unauthorized"), (url.replace("/in", "/out"), "not_found")]
        for address, trouble in wrong:
            with pytest.raises(Failure) as failure:
                await files(sftp_url=address, sftp_known_hosts=str(known)).upload(FILE)
            assert failure.value.trouble == trouble
        gone = url
    with pytest.raises(Failure) as failure:
        await files(sftp_url=gone, sftp_known_hosts=str(known)).upload(FILE)
    assert failure.value.trouble == "network"
    with pytest.raises(Unreachable):
        await files().upload(FILE)


class Letterbox:
    """Keeps mails, or refuses them with a line."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Message, bool]] = []
        self.refusal: str | None = None

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return self.refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append((list(envelope.rcpt_tos), message_from_bytes(envelope.content), session.ssl is not None))
        return "250 kept"


@pytest.fixture
def letterbox() -> Letterbox:
    return Letterbox()


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


def _context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


def _knows(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=(data.login, data.password) == (b"plant", b"p@ss"), handled=False)


@pytest.fixture
def mail_url(letterbox: Letterbox, authority: trustme.CA) -> Iterator[str]:
    """A server that offers STARTTLS and wants a password."""
    controller = Controller(
        letterbox,
        hostname="127.0.0.1",
        port=free_port(),
        tls_context=_context(authority),
        authenticator=_knows,
        auth_required=True,
    )
    controller.start()
    yield f"smtp://plant:p%40ss@127.0.0.1:{controller.port}"
    controller.stop()


def post(tmp_path: Path, url: str | None, **settings: Any) -> Post:
    told = Settings(smtp_url=url, integration_ca_file=str(tmp_path / "ca.pem"), call_timeout_seconds=5, **settings)
    return Post(told, lambda name: secret_of(told, name))


async def test_a_mail_goes_encrypted_where_the_server_offers_it(
    tmp_path: Path, letterbox: Letterbox, mail_url: str
) -> None:
    await post(tmp_path, mail_url).send(MAIL, "DLV-1")
    ((to, mail, is_encrypted),) = letterbox.mails
    assert to == ["manager@plant.example"]
    assert is_encrypted
    assert (mail["Subject"], mail["Message-ID"]) == ("Reconciliation", "<DLV-1@localhost>")
    assert [part.get_content_type() for part in mail.walk()][1:] == ["text/plain", "text/html"]


@pytest.mark.parametrize(
    ("refusal", "trouble"), [("550 nobody of that name", "refused"), ("451 come back later", "server_error")]
)
async def test_what_a_mail_server_says_decides_on_a_retry(
    tmp_path: Path, letterbox: Letterbox, mail_url: str, refusal: str, trouble: str
) -> None:
    letterbox.refusal = refusal
    with pytest.raises(Failure) as failure:
        await post(tmp_path, mail_url).send(MAIL, "DLV-1")
    assert failure.value.trouble == trouble
    assert letterbox.mails == []


async def test_a_wrong_password_is_unauthorized_and_a_closed_door_is_the_network(
    tmp_path: Path, letterbox: Letterbox, mail_url: str
) -> None:
    with pytest.raises(Failure) as failure:
        await post(tmp_path, mail_url.replace("p%40ss", "guess")).send(MAIL, "DLV-1")
    assert failure.value.trouble == "unauthorized"
    listener = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    with pytest.raises(Failure) as failure:
        await post(tmp_path, f"smtp://127.0.0.1:{port}").send(MAIL, "DLV-1")
    assert failure.value.trouble == "network"
    listener.close()
    await listener.wait_closed()
    with pytest.raises(Unreachable):
        await post(tmp_path, None).send(MAIL, "DLV-1")


async def test_a_mail_server_with_a_strange_certificate_gets_nothing(
    tmp_path: Path, letterbox: Letterbox, mail_url: str
) -> None:
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    with pytest.raises(Failure) as failure:
        await post(tmp_path, mail_url).send(MAIL, "DLV-1")
    assert failure.value.trouble == "network"
    assert letterbox.mails == []


FORBIDDEN = ["169.254.169.254", "[fe80::1]", "127.1.2.3", "[::ffff:127.0.0.1]", "0.0.0.0", "100.100.100.200"]


@pytest.mark.parametrize("host", FORBIDDEN)
async def test_neither_mails_nor_files_go_where_no_call_may_go(tmp_path: Path, mail_url: str, host: str) -> None:
    port = mail_url.rpartition(":")[2]
    for refused in (
        post(tmp_path, f"smtp://plant:p%40ss@{host}:{port}").send(MAIL, "DLV-1"),
        post(tmp_path, f"smtps://plant:p%40ss@{host}:{port}").send(MAIL, "DLV-1"),
        files(sftp_url=f"sftp://plant:p%40ss@{host}:{port}/in").upload(FILE),
    ):
        with pytest.raises(Failure, match="no call goes there unless CALL_ALLOWED names it") as failure:
            await refused
        assert failure.value.trouble == "refused", "it would be the same the next time"


class Names:
    """Resolves one name: the first time to this machine, then to a place where nothing may go."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.asked, self._name, self._real = 0, name, socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: Any, *arguments: Any, **options: Any) -> Any:
        if host == self._name:
            self.asked += 1
            host = "127.0.0.1" if self.asked == 1 else "169.254.169.254"
        return self._real(host, *arguments, **options)


async def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(
    tmp_path: Path, letterbox: Letterbox, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.plant.example").configure_cert(context)
    controller = Controller(letterbox, hostname="127.0.0.1", port=free_port(), tls_context=context)
    controller.start()
    try:
        names = Names(monkeypatch, "mail.plant.example")
        url = f"smtp://mail.plant.example:{controller.port}"
        await post(tmp_path, url, call_allowed="127.0.0.0/8").send(MAIL, "DLV-1")
    finally:
        controller.stop()
    assert names.asked == 1
    assert [encrypted for _, _, encrypted in letterbox.mails] == [True], "the certificate was checked by its name"


async def test_a_file_goes_to_the_address_that_was_checked_and_the_key_is_looked_up_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with sftp_server(tmp_path) as (url, known, done):
        known.write_text(known.read_text().replace("127.0.0.1", "files.plant.example"))
        names = Names(monkeypatch, "files.plant.example")
        there = url.replace("127.0.0.1", "files.plant.example")
        await files(sftp_url=there, sftp_known_hosts=str(known), call_allowed="127.0.0.0/8").upload(FILE)
    assert names.asked == 1
    assert len(done) == 2
