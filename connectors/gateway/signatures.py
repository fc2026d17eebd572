"""Webhooks that are signed as Standard Webhooks says: who signs may tell us, nobody else."""

import binascii

from fastapi import Request
from standardwebhooks.webhooks import EmptyWebhookSecretError, Webhook, WebhookVerificationError

from connectors.gateway.auth import Principal
from connectors.gateway.depends import Body, Parts
from connectors.gateway.problems import Problem

SCOPE = "pas.complete"


def pas_system(request: Request, parts: Parts, body: Body) -> Principal:
    """The PAS, by its signature over id, timestamp and body; five minutes old at most. Raises Problem 401.

    While a secret is rotated, the new and the old one are good.
    """
    secrets = (parts.settings.pas_webhook_secret or "").split()
    if not secrets:
        raise Problem(401, "PAS_WEBHOOK_SECRET is not set: nobody can sign a completion.")
    refusals = [refusal for refusal in (_refusal(secret, request, body) for secret in secrets) if refusal]
    if len(refusals) == len(secrets):
        raise refusals[0]
    return Principal("PAS", parts.settings.tenant_id, frozenset({SCOPE}))


def _refusal(secret: str, request: Request, body: bytes) -> Problem | None:
    """Why the request was not signed with this secret; None where it was."""
    try:
        Webhook(secret).verify(body, dict(request.headers), json_parse=False)
    except WebhookVerificationError as error:
        return Problem(401, f"The signature of the webhook is not accepted: {error}.")
    except (ValueError, binascii.Error, EmptyWebhookSecretError):
        return Problem(401, "The signature of the webhook cannot be read.")
    return None


pas_system.scope = SCOPE  # type: ignore[attr-defined]
