"""What can be taken out whole: each list of the API with its filters, to its end, and the logs that have no list."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from psycopg import Cursor
from pydantic import BaseModel

from schemas.views.analysts import DowntimeRow, InspectionRow, ProductionLogRow
from schemas.views.deliveries import AuditLine, DeliveryView
from schemas.views.failures import AlertView, FailureView
from schemas.views.machines import FloorMachine
from schemas.views.materials import MaterialView
from schemas.views.operators import OperatorView
from schemas.views.reservations import ReservationView
from schemas.views.work_orders import WorkOrderView
from sql.reads import alerts, deliveries, failures, logs, machines, materials, operators, reservations, work_orders

Row = dict[str, Any]
Wanted = Mapping[str, Any]
Batches = Callable[[Cursor[Row], Wanted, int], Iterator[list[Row]]]
Page = Callable[[Cursor[Row], Wanted, int, str | None], tuple[list[Row], str | None]]


@dataclass(frozen=True, slots=True)
class Dataset:
    """A list: its name in addresses, what it is, the row as the API shows it, and its rows so many at a time."""

    name: str
    title: str
    row: type[BaseModel]
    batches: Batches


def _pages(page: Page) -> Batches:
    """A list read page after page: its export has the same rows in the same order by the same code."""

    def batches(rows: Cursor[Row], wanted: Wanted, size: int) -> Iterator[list[Row]]:
        found, after = page(rows, wanted, size, None)
        while found:
            yield found
            if after is None:
                return
            found, after = page(rows, wanted, size, after)

    return batches


def _log(query: str) -> Batches:
    return lambda rows, wanted, size: logs.stream(rows, query, wanted, size)


def _floor(rows: Cursor[Row], _wanted: Wanted, _limit: int, _after: str | None) -> tuple[list[Row], None]:
    return machines.floor(rows), None


DATASETS: Final = {
    each.name: each
    for each in (
        Dataset(
            "work-orders",
            "Work orders by due date",
            WorkOrderView,
            _pages(lambda rows, told, size, after: work_orders.page(rows, told["wanted"], size, after)),
        ),
        Dataset("machines", "Every machine as it stands now", FloorMachine, _pages(_floor)),
        Dataset(
            "materials",
            "Materials with their stock",
            MaterialView,
            _pages(lambda rows, told, size, after: materials.page(rows, limit=size, after=after, **told)),
        ),
        Dataset(
            "reservations",
            "What orders hold of which materials",
            ReservationView,
            _pages(lambda rows, told, size, after: reservations.page(rows, size, after, **told)),
        ),
        Dataset(
            "operators",
            "Operators with what they are certified to do",
            OperatorView,
            _pages(lambda rows, told, size, after: operators.page(rows, told["wanted"], told["today"], size, after)),
        ),
        Dataset(
            "failures",
            "Dead letters, latest first",
            FailureView,
            _pages(lambda rows, told, size, after: failures.page(rows, dict(told), size, after)),
        ),
        Dataset(
            "alerts",
            "Alerts, latest first",
            AlertView,
            _pages(lambda rows, told, size, after: alerts.page(rows, dict(told), size, after)),
        ),
        Dataset(
            "deliveries",
            "Deliveries to other systems, newest first",
            DeliveryView,
            _pages(lambda rows, told, size, after: deliveries.page(rows, dict(told), size, after)),
        ),
        Dataset(
            "audit",
            "Calls between us and other systems, newest first",
            AuditLine,
            _pages(lambda rows, told, size, after: deliveries.audit_page(rows, dict(told), size, after)),
        ),
        Dataset("production-logs", "Counter readings by their moment", ProductionLogRow, _log(logs.READINGS)),
        Dataset("downtimes", "Downtimes of machines by their start", DowntimeRow, _log(logs.DOWNTIMES)),
        Dataset("inspections", "Quality inspections by their moment", InspectionRow, _log(logs.INSPECTIONS)),
    )
}
