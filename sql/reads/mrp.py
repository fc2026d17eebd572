"""Runs of material requirements planning as they are asked for, page by page; requisitions; how items are ordered."""

from collections.abc import Sequence
from typing import Any

from sql.database import Rows
from sql.reads.pages import cursor_of, pattern_of, values_of

Row = dict[str, Any]
Page = tuple[list[Row], str | None]

RUN = """
  id::text AS mrp_run_id, kind, status, progress_percentage, failure, inputs, figures, asked_at, asked_by, started_at,
  finished_at
"""
ORDER = """
  o.item_id, o.start_date, o.due_date, trim_scale(o.quantity) AS quantity, trim_scale(o.good_quantity) AS good_quantity,
  o.low_level_code, o.is_purchased
"""
SHORTAGE = "item_id, trim_scale(quantity) AS quantity, due_date, start_date, possible_on"
REQUISITION = """
  id::text AS requisition_id, mrp_run_id::text AS mrp_run_id, item_id, trim_scale(quantity) AS quantity, order_on,
  due_date, supplier, status, version, created_at, updated_at, updated_by
"""
PLANNING = """
  item_id, lot_policy, trim_scale(lot_size) AS lot_size, trim_scale(minimum) AS minimum,
  trim_scale(multiple) AS multiple, period_days, trim_scale(smallest) AS smallest, lead_time_days,
  trim_scale(safety_stock) AS safety_stock, trim_scale(scrap_percentage) AS scrap_percentage, is_purchased, supplier,
  version, created_at, created_by, updated_at, updated_by
"""
PEGS = """
SELECT item_id, due_date, demand_id, trim_scale(quantity) AS quantity FROM planned_order_pegs
WHERE mrp_run_id = %s::uuid AND (item_id, due_date) IN (SELECT * FROM unnest(%s::text[], %s::date[]))
ORDER BY item_id, due_date, number
"""


def runs(rows: Rows, limit: int, after: str | None) -> Page:
    """Runs, latest first. Raises BadCursor."""
    where, values = "true", Row(limit=limit + 1)
    if after is not None:
        where = "(asked_at, id) < (%(at)s::timestamptz, %(id)s::uuid)"
        values["at"], values["id"] = values_of(after, 2)
    query = f"SELECT {RUN} FROM mrp_runs WHERE {where} ORDER BY asked_at DESC, id DESC LIMIT %(limit)s"
    rows.execute(query.encode(), values)
    return _cut(rows.fetchall(), limit, ("asked_at", "mrp_run_id"))


def run(rows: Rows, run_id: str) -> Row | None:
    """One run."""
    rows.execute(f"SELECT {RUN} FROM mrp_runs WHERE id = %s::uuid".encode(), [run_id])
    return rows.fetchone()


def orders(
    rows: Rows, run_id: str, limit: int, after: str | None, item_id: str | None = None, demand_id: str | None = None
) -> Page:
    """Planned orders of a run with the demands behind each; of one item, or for one demand. Raises BadCursor."""
    conditions, values = ["o.mrp_run_id = %(run)s::uuid"], Row(run=run_id, limit=limit + 1)
    if item_id is not None:
        conditions.append("o.item_id = %(item)s")
        values["item"] = item_id
    if demand_id is not None:
        conditions.append(
            "(o.item_id, o.due_date) IN (SELECT p.item_id, p.due_date FROM planned_order_pegs p "
            "WHERE p.mrp_run_id = %(run)s::uuid AND p.demand_id = %(demand)s)"
        )
        values["demand"] = demand_id
    if after is not None:
        conditions.append("(o.low_level_code, o.item_id, o.due_date) > (%(code)s::int, %(after)s, %(due)s::date)")
        values["code"], values["after"], values["due"] = values_of(after, 3)
    rows.execute(
        f"SELECT {ORDER} FROM planned_orders o WHERE {' AND '.join(conditions)} "
        "ORDER BY o.low_level_code, o.item_id, o.due_date LIMIT %(limit)s".encode(),
        values,
    )
    found, cursor = _cut(rows.fetchall(), limit, ("low_level_code", "item_id", "due_date"))
    rows.execute(PEGS.encode(), [run_id, [row["item_id"] for row in found], [row["due_date"] for row in found]])
    pegs: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows.fetchall():
        told = {"demand_id": row["demand_id"], "quantity": row["quantity"]}
        pegs.setdefault((row["item_id"], row["due_date"]), []).append(told)
    return [row | {"pegs": pegs.get((row["item_id"], row["due_date"]), [])} for row in found], cursor


def shortages(rows: Rows, run_id: str, limit: int, after: str | None) -> Page:
    """Shortages of a run. Raises BadCursor."""
    where, values = "mrp_run_id = %(run)s::uuid", Row(run=run_id, limit=limit + 1)
    if after is not None:
        where += " AND (due_date, item_id) > (%(due)s::date, %(item)s)"
        values["due"], values["item"] = values_of(after, 2)
    query = f"SELECT {SHORTAGE} FROM mrp_shortages WHERE {where} ORDER BY due_date, item_id LIMIT %(limit)s"
    rows.execute(query.encode(), values)
    return _cut(rows.fetchall(), limit, ("due_date", "item_id"))


def requisitions(
    rows: Rows,
    statuses: Sequence[str],
    limit: int,
    after: str | None,
    run_id: str | None = None,
    item_id: str | None = None,
) -> Page:
    """Requisitions by the day to order on. Raises BadCursor."""
    conditions, values = ["deleted_at IS NULL"], Row(limit=limit + 1)
    for name, column, value in (("run", "mrp_run_id", run_id), ("item", "item_id", item_id)):
        if value is not None:
            conditions.append(f"{column} = %({name})s")
            values[name] = value
    if statuses:
        conditions.append("status = ANY(%(statuses)s)")
        values["statuses"] = list(statuses)
    if after is not None:
        conditions.append("(order_on, id) > (%(on)s::date, %(id)s::uuid)")
        values["on"], values["id"] = values_of(after, 2)
    rows.execute(
        f"SELECT {REQUISITION} FROM purchase_requisitions WHERE {' AND '.join(conditions)} "
        "ORDER BY order_on, id LIMIT %(limit)s".encode(),
        values,
    )
    return _cut(rows.fetchall(), limit, ("order_on", "requisition_id"))


def requisition(rows: Rows, requisition_id: str) -> Row | None:
    """One requisition, held until the transaction ends."""
    query = f"SELECT {REQUISITION} FROM purchase_requisitions WHERE id = %s::uuid AND deleted_at IS NULL FOR UPDATE"
    rows.execute(query.encode(), [requisition_id])
    return rows.fetchone()


def planning(rows: Rows, text: str | None, limit: int, after: str | None) -> Page:
    """How items are ordered, by item. Raises BadCursor."""
    conditions, values = ["deleted_at IS NULL"], Row(limit=limit + 1)
    if text is not None:
        conditions.append("item_id ILIKE %(text)s")
        values["text"] = pattern_of(text)
    if after is not None:
        conditions.append("item_id > %(after)s")
        (values["after"],) = values_of(after, 1)
    rows.execute(
        f"SELECT {PLANNING} FROM item_planning WHERE {' AND '.join(conditions)} "
        "ORDER BY item_id LIMIT %(limit)s".encode(),
        values,
    )
    return _cut(rows.fetchall(), limit, ("item_id",))


def planning_of(rows: Rows, item_id: str) -> Row | None:
    """How one item is ordered."""
    rows.execute(f"SELECT {PLANNING} FROM item_planning WHERE item_id = %s AND deleted_at IS NULL".encode(), [item_id])
    return rows.fetchone()


def _cut(found: list[Row], limit: int, key: tuple[str, ...]) -> Page:
    if len(found) <= limit:
        return found, None
    return found[:limit], cursor_of([str(found[limit - 1][name]) for name in key])
