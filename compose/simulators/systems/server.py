"""Serves the systems below one port: `/erp /hr /wms /mes /pas`, `/oauth/token`, and `/_control` for who tests."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
import uvicorn
from fastapi import APIRouter, Body, Depends, FastAPI, Query, Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from compose.simulators.ledger import folder
from compose.simulators.systems.asked import Asked, Refusal
from compose.simulators.systems.erp import SentOrders
from compose.simulators.systems.faults import Fault
from compose.simulators.systems.pas import Order
from compose.simulators.systems.town import Answer, Town, refused
from compose.simulators.systems.webhooks import tell
from schemas.settings import Settings
from streams import telemetry

METHODS: Final = ["GET", "POST", "PUT", "PATCH", "DELETE"]
CONNECTION: Final = "plant.connection"
LONGEST_WAIT_SECONDS: Final = 60.0

control = APIRouter(prefix="/_control")
systems = APIRouter()


class Connection(HttpToolsProtocol):
    """A connection that who answers may close without an answer."""

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self.scope["extensions"] = {CONNECTION: self}  # type: ignore[dict-item]


class Nothing(Response):
    """No answer: the connection closes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Close it."""
        scope["extensions"][CONNECTION].transport.abort()
        await _gone(receive)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue


def _town(request: Request) -> Town:
    town = request.app.state.town
    assert isinstance(town, Town)
    return town


OfTown = Annotated[Town, Depends(_town)]


@systems.post("/oauth/token")
async def token(request: Request, town: OfTown) -> Response:
    """A token for a client."""
    return await _exchange(town, "oauth", "/token", request)


@systems.api_route("/{system}/{path:path}", methods=METHODS)
async def ask(system: str, path: str, request: Request, town: OfTown) -> Response:
    """Whatever one of the systems is asked."""
    if system not in town.systems:
        return _response(refused(Refusal(404, f"There is no system {system}.")))
    return await _exchange(town, system, f"/{path}", request)


async def _exchange(town: Town, system: str, path: str, request: Request) -> Response:
    """Fail as ordered, or answer; either way the request is written down before anything leaves."""
    asked = Asked(request.method, path, request.query_params, await request.body(), datetime.now(UTC))
    fault = town.faults.next(system, path)
    kind = fault.kind if fault else ""
    if kind in ("hang", "drop_before"):
        town.record(system, asked, request.headers, None, left=False)
        if kind == "hang":
            await _gone_or_healed(request)
        return Nothing()
    failed = _failure(fault) if fault and kind == "status" else None
    answer = failed or town.answer(system, asked, request.headers)
    town.record(system, asked, request.headers, answer, left=kind != "drop_after")
    if kind == "drop_after":
        return Nothing()
    if fault and kind == "slow":
        await _gone_or_healed(request, fault.numbers[0])
    return _response(answer)


def _failure(fault: Fault) -> Answer:
    status, *told = (int(number) for number in fault.numbers)
    if status == 429:
        return refused(Refusal(status, "Too many requests.", Retry_After=str(told[0] if told else 1)))
    return refused(Refusal(status, f"This answer was ordered: {status}."))


async def _gone_or_healed(request: Request, seconds: float | None = None) -> None:
    """Wait until the caller leaves, the fault is healed, or the time is over."""
    healed: asyncio.Event = request.app.state.healed
    waits = [asyncio.ensure_future(_gone(request.receive)), asyncio.ensure_future(healed.wait())]
    await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    for wait in waits:
        wait.cancel()
        with suppress(asyncio.CancelledError):
            await wait


def _response(answer: Answer) -> Response:
    return Response(answer.body, answer.status, dict(answer.headers), media_type="application/json")


@control.get("/healthz")
async def healthz() -> dict[str, str]:
    """We serve."""
    return {"status": "ok"}


@control.post("/faults", status_code=201)
async def order_fault(fault: Fault, town: OfTown) -> Fault:
    """Fail from now on."""
    town.faults.order(fault)
    return fault


@control.get("/faults")
async def faults(town: OfTown) -> list[Fault]:
    """What is still to fail."""
    return town.faults.ordered


@control.delete("/faults", status_code=204)
async def heal(request: Request, town: OfTown, system: str | None = None) -> None:
    """Fail no more; who hangs is let go."""
    town.faults.heal(system)
    request.app.state.healed.set()
    request.app.state.healed = asyncio.Event()


@control.delete("/tokens", status_code=204)
async def revoke(town: OfTown) -> None:
    """No token counts any more."""
    town.tokens.revoke()


@control.get("/records")
async def records(
    town: OfTown,
    system: str | None = None,
    path: str = "",
    at_least: int = 0,
    within: Annotated[float, Query(ge=0, le=LONGEST_WAIT_SECONDS)] = 0,
) -> Response:
    """The requests so far; with `at_least` as soon as there are so many, `within` so many seconds."""
    found = town.records.of(system, path)
    with suppress(TimeoutError):
        found = await asyncio.wait_for(town.records.at_least(at_least, system, path), within)
    return Response(msgspec.json.encode(found), media_type="application/json")


@control.delete("/records", status_code=204)
async def forget(town: OfTown) -> None:
    """Count anew."""
    town.records.forget()


@control.get("/acted")
async def acted(town: OfTown, system: str) -> dict[str, int]:
    """How often something was done, by idempotency key."""
    return town.records.acted(system)


@control.post("/pas/completions")
async def complete(order: Order, town: OfTown) -> list[dict[str, Any]]:
    """Tell the plant that runs are over; what it answered each time."""
    return await tell(town.pas.webhook, town.pas.completions(order, datetime.now(UTC)), order.times)


@control.get("/data/{system}/{name}")
async def data(system: str, name: str, town: OfTown) -> JSONResponse:
    """What a system holds."""
    return JSONResponse(_data(town, system, name)[name])


@control.put("/data/{system}/{name}", status_code=204)
async def serve_data(system: str, name: str, value: Annotated[Any, Body()], town: OfTown) -> None:
    """Have a system hold this."""
    _data(town, system, name)[name] = value
    town.data_of(system)[0].replaced(name)


def _data(town: Town, system: str, name: str) -> dict[str, Any]:
    held = town.data_of(system)[1]
    if name not in held:
        raise Refusal(404, f"{system} holds no {name}; it holds {', '.join(held)}.")
    return held


def build(town: Town) -> FastAPI:
    """The app over its systems."""
    app = FastAPI(title="Simulated ERP, HR, WMS, MES and PAS", docs_url=None, redoc_url=None)
    app.state.town = town
    app.state.healed = asyncio.Event()
    app.add_exception_handler(Refusal, _no)
    app.include_router(control)
    app.include_router(systems)
    return app


async def _no(_: Request, no: Exception) -> Response:
    assert isinstance(no, Refusal)
    return _response(refused(no))


def configuration(app: FastAPI, **options: Any) -> uvicorn.Config:
    """How uvicorn serves it."""
    return uvicorn.Config(
        app,
        http=Connection,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=1,
        **options,
    )


def run(settings: Settings, *, strict: bool) -> int:
    """Serve where ERP_URL points until SIGTERM. Raises SystemExit where a secret or an address is missing."""
    if not (settings.erp_url and settings.integration_client_secret and settings.mes_username):
        raise SystemExit("ERP_URL, INTEGRATION_CLIENT_SECRET, MES_USERNAME and MES_PASSWORD are needed.")
    ledger = folder(settings)
    orders = SentOrders(ledger / "erp-orders.jsonl")
    town = Town(
        settings,
        record_path=ledger / "systems.jsonl",
        sent_orders=orders,
        # A warehouse has nothing of materials that its ERP has not told anybody of yet; orders come after them.
        is_stocked=lambda: bool(orders()),
        strict=strict,
    )
    address = urlsplit(settings.erp_url)
    uvicorn.Server(configuration(build(town), host=address.hostname, port=address.port or 80)).run()
    town.records.close()
    telemetry.stopped()
    return 0
