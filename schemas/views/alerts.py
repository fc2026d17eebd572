"""Alerts that people have taken on, as the API shows them."""

from schemas.views.values import View


class AlertsAcknowledged(View):
    """How many alerts a person took on that nobody had."""

    taken: int
