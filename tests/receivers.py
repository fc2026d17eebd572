"""Those who are told: a mail server and a web server, real ones, in threads of the test process."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.plants import eventually


@dataclass
class Mailbox:
    """What a mail server took."""

    url: str
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take a mail."""
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return "250 taken"

    def await_mail(self, subject: str, seconds: float = 30) -> EmailMessage:
        """The first mail with this in its subject. Raises AssertionError when there is none in time."""

        def look() -> EmailMessage | None:
            return next((mail for mail in self.mails if subject in str(mail["Subject"])), None)

        found = eventually(look, seconds, f"no mail about {subject} within {seconds} s")
        assert found is not None
        return found


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    box = Mailbox(f"smtp://127.0.0.1:{port}")
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


@dataclass
class Hook:
    """What a web server was told: path, headers in small letters, body."""

    url: str
    told: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)
    status: int = 202

    def await_told(self, path: str, seconds: float = 30) -> Any:
        """The first body for this path. Raises AssertionError when there is none in time."""

        def look() -> list[Any]:
            return [body for at, _, body in self.told if at == path]

        return eventually(look, seconds, f"nobody called {path} within {seconds} s")[0]


@contextmanager
def hook() -> Iterator[Hook]:
    """A web server that takes every POST."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            heard.told.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(heard.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    heard = Hook(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, name="hook")
    thread.start()
    try:
        yield heard
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
