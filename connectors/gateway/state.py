"""What the routes share, built once per process."""

from dataclasses import dataclass, field

from fastapi import Request

from connectors.gateway.auth import Tokens
from connectors.gateway.database import Database
from connectors.gateway.live import Hub, Outcomes, Tail
from connectors.gateway.publishing import RequestPublisher
from connectors.gateway.requests import Rates
from schemas.settings import Settings


@dataclass
class State:
    """The gateway's parts."""

    settings: Settings
    tokens: Tokens
    database: Database
    publisher: RequestPublisher
    outcomes: Outcomes
    hub: Hub
    tail: Tail
    rates: Rates = field(default_factory=Rates)

    @classmethod
    def build(cls, settings: Settings) -> "State":
        """All parts, none of them started."""
        hub, outcomes = Hub(), Outcomes()
        return cls(
            settings,
            Tokens(settings),
            Database(settings),
            RequestPublisher(settings),
            outcomes,
            hub,
            Tail(settings, hub, outcomes),
        )


def shared(request: Request) -> State:
    """The gateway's parts, for a route."""
    state: State = request.app.state.parts
    return state
