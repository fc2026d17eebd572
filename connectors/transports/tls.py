"""TLS towards other systems: their certificate is checked, nothing older than TLS 1.2 is spoken, 1.3 is preferred."""

import ssl

from schemas.settings import Settings


def client_context(settings: Settings) -> ssl.SSLContext:
    """What a client of ours trusts: the machine's authorities, or the one of INTEGRATION_CA_FILE."""
    context = ssl.create_default_context(cafile=settings.integration_ca_file)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
