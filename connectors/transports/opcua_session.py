"""Opens a session with an OPC-UA server as the layout says: security, certificates, user; and closes it for good."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from asyncua import Client, ua
from asyncua.common.utils import ServiceError
from asyncua.crypto import security_policies, uacrypto
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions
from cryptography import x509

from schemas.settings import OpcUaEndpoint

REQUEST_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 5.0
# A server forgets a session of ours that was not closed (kill -9) after so long; asyncua's default is an hour.
SESSION_MS: Final = 60_000
CHECKS: Final = (
    CertificateValidatorOptions.TIME_RANGE
    | CertificateValidatorOptions.URI
    | CertificateValidatorOptions.TRUSTED
    | CertificateValidatorOptions.PEER_SERVER
)
WRONG_USER: Final = frozenset(
    {
        ua.StatusCodes.BadUserAccessDenied,
        ua.StatusCodes.BadIdentityTokenRejected,
        ua.StatusCodes.BadIdentityTokenInvalid,
    }
)

log = structlog.get_logger()
# What goes wrong with a connection or a certificate we tell in a sentence; asyncua tells it again with a traceback.
for name in ("asyncua.client", "asyncuagds"):
    logging.getLogger(name).setLevel(logging.CRITICAL)


class NotConfigured(Exception):
    """The layout asks for security and does not say how, or names files that cannot be used."""


class NotTrusted(Exception):
    """The server's certificate is not one that we accept."""


# What a server or a network does to us, as opposed to a fault of ours.
TROUBLE: Final = (OSError, TimeoutError, ua.UaError, ServiceError, NotTrusted)


def sentence(error: BaseException, endpoint: OpcUaEndpoint) -> str:
    """What went wrong, so that a person knows what to do."""
    if getattr(error, "code", None) in WRONG_USER:
        if endpoint.username:
            return f"The server refuses user {os.path.expandvars(endpoint.username)} or its password: {error}"
        return f"The server lets nobody in without a name; give username and password in the plant layout: {error}"
    if "No matching endpoints" in str(error):
        asked = f"security_policy {endpoint.security_policy} and security_mode {endpoint.security_mode}"
        return f"The server does not offer what the plant layout asks for, {asked}."
    return str(error) or type(error).__name__


@asynccontextmanager
async def session(endpoint: OpcUaEndpoint, url: str, keepalive_seconds: float) -> AsyncIterator[Client]:
    """A connected client, new for every connection. However it ends, no session and no socket is left behind."""
    client = Client(url, timeout=REQUEST_SECONDS, watchdog_intervall=max(1.0, keepalive_seconds / 2))
    client.session_timeout = SESSION_MS
    # asyncua would replace a silent subscription by a new one without a word; we want to know, to mark the gap.
    client._stale_check_margin = float("inf")
    try:
        async with asyncio.timeout(4 * REQUEST_SECONDS):
            await _secure(client, endpoint)
            if endpoint.username:
                client.set_user(os.path.expandvars(endpoint.username))
                client.set_password(os.path.expandvars(endpoint.password or ""))
            await client.connect(auto_reconnect=False)
        yield client
    finally:
        await _close(client)


async def _close(client: Client) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await client.disconnect()
    except TROUBLE as error:
        log.debug("a session could not be closed in order", error=repr(error))
    finally:
        client.disconnect_socket()


async def _secure(client: Client, endpoint: OpcUaEndpoint) -> None:
    """Certificates of both sides are checked whenever the layout asks for security at all."""
    if endpoint.security_mode == "None":
        return
    if not (endpoint.certificate and endpoint.private_key and endpoint.trust_list):
        raise NotConfigured(
            f"OPC-UA endpoint {endpoint.name} asks for {endpoint.security_mode}: "
            "name its certificate, private_key and trust_list in the plant layout."
        )
    if endpoint.security_policy == "None":
        raise NotConfigured(
            f"OPC-UA endpoint {endpoint.name} asks for {endpoint.security_mode}: name its security_policy."
        )
    try:
        client.application_uri = await _application_uri(Path(endpoint.certificate)) or client.application_uri
        client.certificate_validator = await _validator(endpoint.trust_list)
    except (ValueError, OSError) as error:
        files = f"{endpoint.certificate} and {endpoint.trust_list}"
        raise NotConfigured(f"The certificates of OPC-UA endpoint {endpoint.name} ({files}): {error}.") from error
    await _set_security(client, endpoint)


async def _set_security(client: Client, endpoint: OpcUaEndpoint) -> None:
    """Asks the server for its certificate on the way, so what fails may be its fault or that of our key."""
    policy = getattr(security_policies, f"SecurityPolicy{endpoint.security_policy}")
    mode = ua.MessageSecurityMode[endpoint.security_mode]
    try:
        await client.set_security(policy, endpoint.certificate, endpoint.private_key, mode=mode)
    except (ValueError, TypeError, FileNotFoundError) as error:
        key = endpoint.private_key
        raise NotConfigured(f"The private key of OPC-UA endpoint {endpoint.name} ({key}): {error}.") from error


async def _validator(trust_list: str) -> Callable[[x509.Certificate, Any], Awaitable[None]]:
    """Checks the server's certificate; says what is wrong with it and where a good one belongs."""
    store = TrustStore([Path(trust_list)], [])
    await store.load()
    check = CertificateValidator(CHECKS, store)

    async def validate(certificate: x509.Certificate, application: Any) -> None:
        try:
            await check(certificate, application)
        except ServiceError as error:
            whose, why = certificate.subject.rfc4514_string(), ua.StatusCode(error.code).name
            complaint = f"The server's certificate ({whose}) is not accepted: {why}."
            raise NotTrusted(f"{complaint} The certificates that we trust lie in {trust_list}.") from error

    return validate


async def _application_uri(path: Path) -> str | None:
    """Our application URI is what our certificate says it is."""
    certificate = await uacrypto.load_certificate(path)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else None
