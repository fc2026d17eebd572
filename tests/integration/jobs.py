"""The process `jobs` beside a projector, over real Kafka and Postgres; orders, and what became of them."""

from pathlib import Path
from typing import Any
from uuid import uuid4

from schemas.envelope import Message
from schemas.messages.work_orders import WorkOrderAssign, WorkOrderCommand
from streams.driver import Output
from tests.integration.events import folded, publish
from tests.integration.kept import Kept
from tests.messages import count, created, message, registered
from tests.plants import RunningPlant, eventually


def kept_jobs(plant: RunningPlant, log_path: Path, **env: str) -> Kept:
    """One process `jobs`."""
    return Kept(log_path, ["connectors", "jobs"], plant.endpoints | env)


def completed_order(name: str | None = None, **fields: Any) -> tuple[str, list[Output]]:
    """An order of two units that a machine makes, and its events."""
    order = name or f"WO-{uuid4().hex[:8]}"
    machine = f"M-{uuid4().hex[:6]}"
    said = [registered(machine), created(order, 2, **fields)]
    said += [count(number, number * 60, machine=machine, order=order) for number in (1, 2)]
    return order, folded(said)


def started_order() -> tuple[str, list[Output]]:
    """An order that is given to a machine and started by a supervisor, and its events."""
    order, machine = f"WO-{uuid4().hex[:8]}", f"M-{uuid4().hex[:6]}"
    said: list[Message[Any]] = [
        registered(machine),
        created(order, 5),
        message("work_order.release", WorkOrderCommand(work_order_id=order, actor="anna"), 1),
        message(
            "work_order.assign",
            WorkOrderAssign(work_order_id=order, actor="anna", machine_id=machine, operator_id="O-156"),
            2,
        ),
        message("work_order.start", WorkOrderCommand(work_order_id=order, actor="anna"), 3),
    ]
    return order, folded(said)


def complete(plant: RunningPlant, count_: int = 1) -> list[str]:
    """Have orders completed; their ids."""
    names, outputs = [], list[Output]()
    for _ in range(count_):
        order, events = completed_order()
        names.append(order)
        outputs += events
    publish(plant.settings(), outputs)
    return names


def rows(plant: RunningPlant, query: str, *values: Any) -> list[dict[str, Any]]:
    """Rows as the plant's tenant sees them."""
    with plant.rows() as found:
        return found.execute(query.encode(), values or None).fetchall()


def deliveries_of(plant: RunningPlant, *orders: str) -> list[dict[str, Any]]:
    """The deliveries about these orders."""
    return rows(plant, "SELECT * FROM deliveries WHERE subject = ANY(%s) ORDER BY created_at", list(orders))


def ended(plant: RunningPlant, order: str, status: str, seconds: float = 40) -> dict[str, Any]:
    """The one delivery about an order, as soon as it has this status."""

    def ask() -> dict[str, Any] | None:
        found = deliveries_of(plant, order)
        assert len(found) <= 1, found
        return found[0] if found and found[0]["status"] == status else None

    try:
        return eventually(ask, seconds, "") or {}
    except AssertionError as error:
        raise AssertionError(f"{order} is not {status} after {seconds} s: {deliveries_of(plant, order)}") from error
