"""Opens a session with an OPC-UA server as the layout says: security, certificates, user; and closes it for good."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

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
# What a server or a network does to us, as opposed to a fault of ours.
TROUBLE: Final = (OSError, TimeoutError, ua.UaError, ServiceError)

log = structlog.get_logger()
# What goes wrong with a connection we tell in a sentence; asyncua tells it again with a traceback.
logging.getLogger("asyncua.client").setLevel(logging.CRITICAL)


class NotConfigured(Exception):
    """The layout asks for security and does not say how."""


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
    client.application_uri = await _application_uri(Path(endpoint.certificate)) or client.application_uri
    store = TrustStore([Path(endpoint.trust_list)], [])
    await store.load()
    client.certificate_validator = CertificateValidator(CHECKS, store)
    await client.set_security(
        getattr(security_policies, f"SecurityPolicy{endpoint.security_policy}"),
        endpoint.certificate,
        endpoint.private_key,
        mode=ua.MessageSecurityMode[endpoint.security_mode],
    )


async def _application_uri(path: Path) -> str | None:
    """Our application URI is what our certificate says it is."""
    certificate = await uacrypto.load_certificate(path)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return None
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    return uris[0] if uris else None
