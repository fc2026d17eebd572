"""Every list as a file: CSV for spreadsheets, Parquet for those who compute, with the filters of the list itself."""

import os
import tempfile
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO, Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import AwareDatetime

from connectors.gateway.depends import Parts, Reader, Text
from connectors.gateway.problems import Problem
from connectors.gateway.reading import reading
from connectors.gateway.routes.deliveries import WantedCalls, WantedDeliveries
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.failures import WantedLetters
from connectors.gateway.routes.materials import WantedMaterials
from connectors.gateway.routes.operators import WantedOperators, today_of
from connectors.gateway.routes.reservations import WantedReservations
from connectors.gateway.routes.work_orders import WantedOrders
from connectors.gateway.state import State
from schemas.messages.failures import Severity
from sql.reads.exports import DATASETS

STATEMENT_SECONDS: Final = 60.0
CHUNK: Final = 256 * 1024
MEDIA: Final = {"csv": "text/csv", "parquet": "application/vnd.apache.parquet"}
FILE: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The file; its name carries the plant's day.",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in MEDIA.values()},
    }
}


class WithoutBlanks(APIRoute):
    """The link of a list carries the fields of its form, the empty ones too: they say nothing."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer the request without them."""
        answer = super().get_route_handler()

        async def answered(request: Request) -> Response:
            told = urlencode(parse_qsl(request.url.query, keep_blank_values=False))
            return await answer(Request({**request.scope, "query_string": told.encode()}, request.receive))

        return answered


router = APIRouter(
    prefix="/api/v1/exports",
    tags=["analysts"],
    responses=PROBLEMS | FILE,
    default_response_class=StreamingResponse,
    route_class=WithoutBlanks,
)
Form = Annotated[Literal["csv", "parquet"], Path(description="csv (RFC 4180, UTF-8) or parquet")]
Identifier = Annotated[str | None, Query(max_length=128)]


@router.get("/work-orders.{form}", summary="Work orders as a file")
def work_orders(parts: Parts, reader: Reader, form: Form, wanted: WantedOrders) -> StreamingResponse:
    """All orders that the list would show, page after page, as they stand at one moment."""
    return _list(parts, reader.tenant_id, "work-orders", form, wanted=wanted)


@router.get("/machines.{form}", summary="Machines as a file")
def machines(parts: Parts, reader: Reader, form: Form) -> StreamingResponse:
    """Every machine as it stands now."""
    return _list(parts, reader.tenant_id, "machines", form)


@router.get("/materials.{form}", summary="Materials with their stock as a file")
def materials(parts: Parts, reader: Reader, form: Form, wanted: WantedMaterials) -> StreamingResponse:
    """By id."""
    return _list(parts, reader.tenant_id, "materials", form, **wanted)


@router.get("/reservations.{form}", summary="Reservations as a file")
def reservations(parts: Parts, reader: Reader, form: Form, wanted: WantedReservations) -> StreamingResponse:
    """By id; the lots of each as JSON."""
    return _list(parts, reader.tenant_id, "reservations", form, **wanted)


@router.get("/operators.{form}", summary="Operators as a file")
def operators(parts: Parts, reader: Reader, form: Form, wanted: WantedOperators) -> StreamingResponse:
    """By id; the skills of each as JSON."""
    return _list(parts, reader.tenant_id, "operators", form, wanted=wanted, today=today_of(parts.settings))


@router.get("/failures.{form}", summary="Dead letters as a file")
def failures(parts: Parts, reader: Reader, form: Form, wanted: WantedLetters) -> StreamingResponse:
    """Latest first, without the messages themselves."""
    return _list(parts, reader.tenant_id, "failures", form, **wanted)


@router.get("/alerts.{form}", summary="Alerts as a file")
def alerts(
    parts: Parts,
    reader: Reader,
    form: Form,
    open_only: bool = Query(True, alias="open"),
    severity: Severity | None = None,
    kind: Annotated[str | None, Query(max_length=200)] = None,
    q: Text = None,
) -> StreamingResponse:
    """Latest first; `open=false` takes out those that somebody has taken on, too."""
    wanted = {"is_open": True if open_only else None, "severity": severity, "kind": kind, "text": q}
    return _list(parts, reader.tenant_id, "alerts", form, **wanted)


@router.get("/deliveries.{form}", summary="Deliveries to other systems as a file")
def deliveries(parts: Parts, reader: Reader, form: Form, wanted: WantedDeliveries) -> StreamingResponse:
    """Newest first, without what they told."""
    return _list(parts, reader.tenant_id, "deliveries", form, **wanted)


@router.get("/audit.{form}", summary="The log of calls as a file")
def audit(parts: Parts, reader: Reader, form: Form, wanted: WantedCalls) -> StreamingResponse:
    """Newest first; secrets and employees' addresses are not in it."""
    return _list(parts, reader.tenant_id, "audit", form, **wanted)


def _log_route(name: str, summary: str, about: str) -> None:
    """The route of a log that has no list of its own."""

    @router.get(f"/{name}.{{form}}", summary=summary, description=about, name=name)
    def log(
        parts: Parts,
        reader: Reader,
        form: Form,
        work_order: Identifier = None,
        machine: Identifier = None,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
    ) -> StreamingResponse:
        wanted = {"work_order": work_order, "machine": machine, "since": since, "until": until}
        return _list(parts, reader.tenant_id, name, form, **wanted)


_log_route("production-logs", "Counter readings as a file", "By their moment, each with the event it came from.")
_log_route("downtimes", "Downtimes as a file", "By their start; `work_order` is the order that was interrupted.")
_log_route("inspections", "Quality inspections as a file", "By their moment.")


def _list(parts: State, tenant_id: str, name: str, form: Form, **wanted: Any) -> StreamingResponse:
    """A list as a file. Raises Problem 422 where it is too long, 503."""
    from connectors.gateway import exporting

    dataset = DATASETS[name]
    with until_sent() as held, reading(parts, tenant_id, STATEMENT_SECONDS) as rows:
        batches = dataset.batches(rows, wanted, exporting.BATCH)
        return file_of(parts, name, form, exporting.schema_of(dataset.row), batches, held)


@contextmanager
def until_sent() -> Iterator[ExitStack]:
    """What is held here is let go if something goes wrong, else by whoever sends it."""
    with ExitStack() as held:
        yield held
        held.pop_all()


def file_of(
    parts: State,
    name: str,
    form: Literal["csv", "parquet"],
    schema: Any,
    batches: Iterable[Sequence[Any]],
    held: ExitStack,
) -> StreamingResponse:
    """The file of these rows. It is complete before it is sent, on disk and without a name: nothing is left behind."""
    # Polars takes tens of megabytes and a moment to load; a gateway of which nobody takes anything out does without.
    from connectors.gateway import exporting

    target = held.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 -- held until it is sent
    exporting.write(target, form, schema, _bounded(batches, parts.settings.export_rows_max))
    size = target.seek(0, os.SEEK_END)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}-{today_of(parts.settings).isoformat()}.{form}"',
        "Content-Length": str(size),
    }
    return StreamingResponse(_chunks(target), media_type=MEDIA[form], headers=headers)


def _bounded(batches: Iterable[Sequence[Any]], largest: int) -> Iterator[Sequence[Any]]:
    count = 0
    for rows in batches:
        count += len(rows)
        if count > largest:
            raise Problem(422, f"More than {largest:,} rows match; narrow the filters, or read them by SQL.")
        yield rows


def _chunks(target: IO[bytes]) -> Iterator[bytes]:
    with target:
        target.seek(0)
        while chunk := target.read(CHUNK):
            yield chunk
