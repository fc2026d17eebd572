"""E-mail by SMTP: smtps:// is TLS from the start, smtp:// becomes TLS where the server offers it."""

import asyncio
import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlsplit

from connectors.deliveries.kind import Mail
from connectors.resilience import Failure, Trouble
from connectors.transports.addresses import Allowed, Forbidden, resolved
from connectors.transports.answers import Answer, Unreachable
from connectors.transports.oauth import Secret
from connectors.transports.tls import client_context
from schemas.settings import Settings

SMTP_PORT: Final = 25
SMTPS_PORT: Final = 465


class Post:
    """Sends e-mails; each in a thread and a connection of its own."""

    def __init__(self, settings: Settings, secret: Secret) -> None:
        self._settings, self._secret = settings, secret

    async def send(self, mail: Mail, delivery_id: str) -> Answer:
        """Hand a mail over; its Message-ID is the delivery's, so that a second copy can be known as one.

        Raises Failure, Unreachable.
        """
        url = await self._secret("smtp_url")
        if not url:
            raise Unreachable("SMTP_URL is not set.")
        begin = time.monotonic()
        message = _message(mail, self._settings.mail_from, delivery_id)
        try:
            await asyncio.to_thread(self._hand_over, urlsplit(url), message)
        except TimeoutError as error:
            raise Failure("timeout", "The mail server did not answer in time.") from error
        except Forbidden as error:
            raise Failure("refused", f"The mail server may not be called: {error}") from error
        except (smtplib.SMTPException, OSError) as error:
            if isinstance(error.__context__, TimeoutError):
                raise Failure("timeout", "The mail server fell silent.") from error
            sentence = f"The mail server did not take the mail: {error}."
            raise Failure(trouble_of(error), sentence, status_code=_code(error)) from error
        return Answer({"to": mail.to}, 250, int((time.monotonic() - begin) * 1000))

    def _hand_over(self, url: SplitResult, message: EmailMessage) -> None:
        with self._connected(url) as server:
            if url.username:
                server.login(unquote(url.username), unquote(url.password or ""))
            server.send_message(message)

    @contextmanager
    def _connected(self, url: SplitResult) -> Iterator[smtplib.SMTP]:
        seconds, context = self._settings.call_timeout_seconds, client_context(self._settings)
        host, allowed = url.hostname or "", Allowed(self._settings.call_allowed)
        if url.scheme == "smtps":
            with PinnedTlsSmtp(host, url.port or SMTPS_PORT, allowed, timeout=seconds, context=context) as server:
                yield server
            return
        with PinnedSmtp(host, url.port or SMTP_PORT, allowed, timeout=seconds) as server:
            server.ehlo()
            if server.has_extn("starttls"):
                server.starttls(context=context)
                server.ehlo()
            yield server


class PinnedSmtp(smtplib.SMTP):
    """Connects to the address that was checked; the name stays for the certificate."""

    def __init__(self, host: str, port: int, allowed: Allowed, **options: Any) -> None:
        self._allowed = allowed
        super().__init__(host, port, **options)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        return socket.create_connection((resolved(host, port, self._allowed), port), timeout)


class PinnedTlsSmtp(smtplib.SMTP_SSL, PinnedSmtp):
    """The same with TLS from the start: the socket that is wrapped is the pinned one."""

    def __init__(self, host: str, port: int, allowed: Allowed, **options: Any) -> None:
        self._allowed = allowed
        smtplib.SMTP_SSL.__init__(self, host, port, **options)


def _message(mail: Mail, sender: str, delivery_id: str) -> EmailMessage:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, mail.to, mail.subject
    message["Message-ID"] = f"<{delivery_id}@{sender.rpartition('@')[2]}>"
    message.set_content(mail.text)
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html")
    return message


def _code(error: Exception) -> int | None:
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else None


def trouble_of(error: Exception) -> Trouble:
    """What an error of SMTP means for a retry: 5xx is for good, 4xx passes (RFC 5321 section 4.2.1)."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return "unauthorized"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return "refused" if all(code >= 500 for code in codes) else "server_error"
    if isinstance(error, smtplib.SMTPResponseException):
        return "refused" if error.smtp_code >= 500 else "server_error"
    return "refused" if isinstance(error, smtplib.SMTPNotSupportedError) else "network"
