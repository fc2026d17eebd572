"""What the routes share, built once per process."""

from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from connectors.gateway.auth import Tokens
from connectors.gateway.database import Database
from connectors.gateway.lag import Lags
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
    lags: Lags
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
            Lags(settings),
        )

    def start(self) -> None:
        """Connect and begin to listen; neither waits."""
        self.database.open()
        self.tail.start()

    def stop(self) -> None:
        """Let go of everything."""
        self.tail.stop()
        self.publisher.close()
        self.database.close()


def shared(request: HTTPConnection) -> State:
    """The gateway's parts, for a route."""
    state: State = request.app.state.parts
    return state
