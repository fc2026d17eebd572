"""What the routes share, built once per process."""

import threading
from dataclasses import dataclass, field

from starlette.requests import HTTPConnection

from connectors.database import Database
from connectors.gateway.auth import Tokens
from connectors.gateway.known_priors import KnownPriors
from connectors.gateway.lag import Lags
from connectors.gateway.live import Hub, Outcomes, Tail
from connectors.gateway.oidc import Oidc
from connectors.gateway.publishing import RequestPublisher
from connectors.gateway.recent import Recent
from connectors.gateway.records import Records
from connectors.gateway.rehearsing import Rehearser
from connectors.gateway.requests import Rates
from connectors.gateway.revocations import Revocations
from schemas.settings import Settings

# Exports and ready queries have connections of their own; more of them at once than this wait for their turn.
LONG_READS = 4


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
    rehearser: Rehearser
    records: Records
    revocations: Revocations
    oidc: Oidc | None = None
    rates: Rates = field(default_factory=Rates)
    long_reads: threading.BoundedSemaphore = field(default_factory=lambda: threading.BoundedSemaphore(LONG_READS))
    recent: Recent = field(default_factory=Recent)
    priors: KnownPriors = field(default_factory=KnownPriors)

    @classmethod
    def build(cls, settings: Settings) -> "State":
        """All parts, none of them started."""
        hub, outcomes, database = Hub(), Outcomes(), Database(settings)
        return cls(
            settings,
            Tokens(settings),
            database,
            RequestPublisher(settings),
            outcomes,
            hub,
            Tail(settings, hub, outcomes),
            Lags(settings),
            Rehearser(settings),
            Records(settings),
            Revocations(database, settings.oauth_leeway_seconds),
            oidc=Oidc.of(settings),
        )

    def start(self) -> None:
        """Connect and begin to listen; neither waits."""
        self.database.open()
        self.tail.start()

    def stop(self) -> None:
        """Let go of everything."""
        self.tail.stop()
        self.rehearser.close()
        self.records.close()
        self.publisher.close()
        self.lags.close()
        self.database.close()


def shared(request: HTTPConnection) -> State:
    """The gateway's parts, for a route."""
    state: State = request.app.state.parts
    return state
