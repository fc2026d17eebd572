"""The gateway process: one FastAPI app over the parts, served by uvicorn."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files

import uvicorn
from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from connectors.gateway import describing, problems
from connectors.gateway.headers import SecurityHeaders
from connectors.gateway.measured import Measured
from connectors.gateway.pages import alerts as alert_pages
from connectors.gateway.pages import analysts as analyst_pages
from connectors.gateway.pages import audit as audit_pages
from connectors.gateway.pages import deliveries as delivery_pages
from connectors.gateway.pages import estimates as estimate_pages
from connectors.gateway.pages import failures as failure_pages
from connectors.gateway.pages import floor, rendering, sign_in
from connectors.gateway.pages import history as history_pages
from connectors.gateway.pages import integrations as integration_pages
from connectors.gateway.pages import machines as machine_pages
from connectors.gateway.pages import materials as material_pages
from connectors.gateway.pages import oee as oee_pages
from connectors.gateway.pages import orders as order_pages
from connectors.gateway.pages import planning as planning_pages
from connectors.gateway.pages import reconciliations as reconciliation_pages
from connectors.gateway.pages import rehearsal as rehearsal_page
from connectors.gateway.pages import schedule as schedule_page
from connectors.gateway.routes import (
    alerts,
    analysts,
    boms,
    calendars,
    capacity,
    changeovers,
    data_quality,
    deliveries,
    erp,
    estimates,
    exports,
    failures,
    health,
    history,
    hr,
    inventory,
    items,
    jobs,
    kpi,
    lanes,
    lines,
    live,
    machines,
    materials,
    oee,
    operators,
    overrides,
    pas,
    plans,
    production_orders,
    projects,
    promises,
    proposals,
    reallocations,
    reconciliations,
    repairs,
    reservations,
    revocations,
    routings,
    schedule_settings,
    schedules,
    suggestions,
    tokens,
    work_centers,
    work_order_edits,
    work_order_people,
    work_orders,
)
from connectors.gateway.slowness import protocol
from connectors.gateway.state import State
from schemas.settings import Settings
from streams import telemetry

ROUTERS = (
    tokens,
    revocations,
    erp,
    inventory,
    hr,
    pas,
    operators,
    work_order_edits,
    work_order_people,
    work_orders,
    machines,
    oee,
    schedules,
    schedule_settings,
    promises,
    suggestions,
    capacity,
    # `/runs/compare` comes before `/runs/{run_id}`.
    estimates,
    projects,
    overrides,
    lanes,
    plans,
    proposals,
    reallocations,
    data_quality,
    kpi,
    materials,
    boms,
    items,
    production_orders,
    calendars,
    work_centers,
    routings,
    changeovers,
    reservations,
    alerts,
    failures,
    repairs,
    reconciliations,
    lines,
    deliveries,
    jobs,
    exports,
    analysts,
    history,
    health,
    live,
    floor,
    sign_in,
    order_pages,
    planning_pages,
    schedule_page,
    estimate_pages,
    machine_pages,
    oee_pages,
    integration_pages,
    delivery_pages,
    failure_pages,
    audit_pages,
    alert_pages,
    history_pages,
    material_pages,
    reconciliation_pages,
    rehearsal_page,
    analyst_pages,
)
# Whatever is not here needs a scope; a test holds every route against this list.
PUBLIC = frozenset(
    {"/oauth/token", "/oauth/revoke", "/oauth/jwks.json", "/login", "/logout", sign_in.PATH, sign_in.CALLBACK}
    | {"/healthz", "/readyz", "/metrics", "/docs"}
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
    problems.install(app, rendering.problem_page)
    for module in ROUTERS:
        app.include_router(module.router)
    describing.install(app)
    app.mount("/static/swagger", StaticFiles(directory=str(files("swagger_ui") / "static")))
    app.mount("/static", StaticFiles(directory=rendering.STATIC))
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
        http=protocol(settings),
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
