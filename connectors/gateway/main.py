"""The gateway process: one FastAPI app over the parts, served by uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import uvicorn
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from connectors.gateway import problems
from connectors.gateway.headers import SecurityHeaders
from connectors.gateway.measured import Measured
from connectors.gateway.routes import (
    console,
    data_quality,
    deliveries,
    erp,
    failures,
    health,
    hr,
    inventory,
    jobs,
    live,
    machines,
    materials,
    operators,
    reallocations,
    reconciliation_pages,
    reconciliations,
    reservations,
    tokens,
    work_orders,
)
from connectors.gateway.state import State
from schemas.settings import Settings
from streams import telemetry

ROUTERS = (
    tokens,
    erp,
    inventory,
    hr,
    operators,
    work_orders,
    machines,
    reallocations,
    data_quality,
    materials,
    reservations,
    failures,
    reconciliations,
    deliveries,
    jobs,
    health,
    live,
    reconciliation_pages,
    console,
)
# Whatever is not here needs a scope; a test holds every route against this list.
PUBLIC = frozenset(
    {"/oauth/token", "/oauth/jwks.json", "/login", "/logout", "/healthz", "/readyz", "/metrics", "/", "/docs"}
)
GRACE_SECONDS = 3


def build(parts: State) -> FastAPI:
    """The app over its parts; nothing is started yet."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        parts.start()
        yield
        parts.stop()

    app = FastAPI(
        title="Plant nervous system",
        version="1",
        description="Webhooks, commands, queries and live streams of one plant.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.parts = parts
    problems.install(app)
    for module in ROUTERS:
        app.include_router(module.router)
    app.mount("/static/swagger", StaticFiles(directory=str(files("swagger_ui") / "static")))
    app.mount("/static", StaticFiles(directory=console.STATIC))
    app.add_middleware(SecurityHeaders)
    app.add_middleware(Measured)
    return app


def run(settings: Settings) -> None:
    """Serve until SIGTERM."""
    telemetry.start("gateway", settings)
    uvicorn.run(
        build(State.build(settings)),
        host=settings.gateway_host,
        port=settings.gateway_port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        h11_max_incomplete_event_size=16 * 1024,
        timeout_graceful_shutdown=GRACE_SECONDS,
        ssl_certfile=settings.gateway_cert_file,
        ssl_keyfile=settings.gateway_key_file,
    )
    telemetry.stopped()
