"""Webhooks that are signed as Standard Webhooks says: who signs may tell us, nobody else."""

import binascii

from fastapi import Request
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Parts
from connectors.gateway.problems import Problem

SCOPE = "pas.complete"


def pas_system(request: Request, parts: Parts, body: Body) -> Principal:
    """The PAS, by its signature over id, timestamp and body; five minutes old at most. Raises Problem 401."""
    secret = parts.settings.pas_webhook_secret
    if not secret:
        raise Problem(401, "PAS_WEBHOOK_SECRET is not set: nobody can sign a completion.")
    try:
        Webhook(secret).verify(body, dict(request.headers), json_parse=False)
    except WebhookVerificationError as error:
        raise Problem(401, f"The signature of the webhook is not accepted: {error}.") from error
    except (ValueError, binascii.Error) as error:
        raise Problem(401, "The signature of the webhook cannot be read.") from error
    return Principal("PAS", parts.settings.tenant_id, frozenset({SCOPE}))


pas_system.scope = SCOPE  # type: ignore[attr-defined]
