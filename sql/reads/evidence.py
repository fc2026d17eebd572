"""Which messages a figure was computed from: the rows behind it, with their places in the log."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import Cursor

Row = dict[str, Any]

ORDER = """
SELECT work_order_id, version, unit_of_measure, trim_scale(quantity_ordered) AS quantity_ordered,
  trim_scale(quantity_produced) AS quantity_produced, trim_scale(quantity_scrapped) AS quantity_scrapped,
  trim_scale(quantity_good) AS quantity_good, progress_percentage::float AS progress_percentage
FROM work_orders WHERE work_order_id = %(id)s
"""
# The counts and what was ordered, as it stood at a version: rows of one transaction, whatever comes meanwhile.
READINGS = """
SELECT caused_by, units, scrapped_units, order_version AS version FROM production_logs
WHERE work_order_id = %(id)s AND order_version <= %(version)s ORDER BY order_version LIMIT %(limit)s
"""
ORDERED = """
SELECT caused_by, version, trim_scale(quantity_ordered) AS quantity_ordered FROM (
  SELECT caused_by, version, quantity_ordered, lag(quantity_ordered) OVER (ORDER BY version) AS before
  FROM work_order_changes
  WHERE work_order_id = %(id)s AND version <= %(version)s AND quantity_ordered IS NOT NULL) AS told
WHERE quantity_ordered IS DISTINCT FROM before ORDER BY version
"""
UNACCOUNTED = """
SELECT %(version)s::bigint
  - (SELECT count(*) FROM work_order_changes WHERE work_order_id = %(id)s AND version <= %(version)s)
  - (SELECT count(DISTINCT order_version) FROM production_logs
     WHERE work_order_id = %(id)s AND order_version <= %(version)s) AS versions
"""
# One statement is one moment: the material, what it used up that its count does not know, and who holds it.
MATERIAL = """
SELECT m.material_id, m.version, m.unit_of_measure, m.stock_at, trim_scale(m.on_hand_quantity) AS on_hand_quantity,
  trim_scale(m.reserved_quantity) AS reserved_quantity, trim_scale(m.allocated_quantity) AS allocated_quantity,
  trim_scale(m.available_quantity) AS available_quantity,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('transaction_id', t.transaction_id, 'quantity', t.quantity::text,
      'version', t.version, 'reservation_id', t.reservation_id, 'caused_by', t.caused_by) ORDER BY t.version), '[]')
   FROM material_transactions t WHERE t.tenant_id = m.tenant_id AND t.material_id = m.material_id
     AND NOT coalesce(t.warehouse_confirmed_at < m.stock_at, false)) AS uses,
  (SELECT coalesce(jsonb_agg(jsonb_build_object('reservation_id', r.reservation_id, 'quantity', r.quantity::text,
      'version', r.version, 'topic', r.event_topic, 'partition', r.event_partition, 'offset', r.event_offset)
      ORDER BY r.version, r.reservation_id), '[]')
   FROM reservations r WHERE r.tenant_id = m.tenant_id AND r.material_id = m.material_id
     AND r.status IN ('reserved', 'partial') AND r.quantity > 0) AS holds
FROM materials m WHERE m.material_id = %(id)s
"""
HELD = """
SELECT reservation_id, version, quantity, caused_by FROM reservation_changes
WHERE reservation_id = ANY(%(ids)s) AND version <= %(version)s ORDER BY reservation_id, version
"""
STATES = """
SELECT version, stock_at, caused_by FROM material_states
WHERE material_id = %(id)s AND version < %(before)s ORDER BY version DESC LIMIT %(limit)s
"""
COUNTED_BY = """
SELECT caused_by, units, scrapped_units, produced_at FROM production_logs
WHERE machine_id = %(id)s AND produced_at > %(from_at)s AND produced_at <= %(to_at)s
ORDER BY produced_at, log_id LIMIT %(limit)s
"""
LAST_SEEN = """
SELECT 'resource-status' AS event_topic, event_partition, event_offset, last_seen_at FROM machine_states
WHERE machine_id = %(id)s ORDER BY known_at DESC, version DESC LIMIT 1
"""
# When an order was in work: the event that told its start, and the one that told its end.
IN_WORK = """
SELECT DISTINCT ON (work_order_id, actual_end_at IS NULL) work_order_id, actual_start_at, actual_end_at, version,
  event_topic, event_partition, event_offset
FROM work_order_changes WHERE work_order_id = ANY(%(ids)s) AND actual_start_at IS NOT NULL
ORDER BY work_order_id, actual_end_at IS NULL, version
"""


class Evidence:
    """The reads of one order, machine or material, on one connection."""

    def __init__(self, rows: Cursor[Row], identity: str) -> None:
        self._rows, self._id = rows, identity

    def order(self) -> Row | None:
        """The order's figures as it stands, with its version."""
        return self._one(ORDER)

    def readings(self, version: int, limit: int) -> list[Row]:
        """Its readings up to a version."""
        return self._all(READINGS, version=version, limit=limit)

    def ordered(self, version: int) -> list[Row]:
        """The changes up to a version that told another quantity ordered."""
        return self._all(ORDERED, version=version)

    def unaccounted(self, version: int) -> int:
        """How many of its versions no row tells of; each is one change."""
        found = self._one(UNACCOUNTED, version=version)
        return int(found["versions"]) if found else 0

    def material(self) -> Row | None:
        """The material as it stands, what its count does not know to be used, and its open reservations."""
        return self._one(MATERIAL)

    def held(self, reservation_ids: Sequence[str], version: int) -> list[Row]:
        """Every word about some reservations up to a version of the material."""
        return self._all(HELD, ids=list(reservation_ids), version=version)

    def states(self, before: int, limit: int) -> list[Row]:
        """What was told of the material before a version, latest first."""
        return self._all(STATES, before=before, limit=limit)

    def counted_by(self, from_at: datetime, to_at: datetime, limit: int) -> list[Row]:
        """A machine's readings between two moments."""
        return self._all(COUNTED_BY, from_at=from_at, to_at=to_at, limit=limit)

    def last_seen(self) -> Row | None:
        """The latest event about a machine."""
        return self._one(LAST_SEEN)

    def in_work(self, work_order_ids: Sequence[str]) -> list[Row]:
        """The events that told when these orders began and ended."""
        return self._all(IN_WORK, ids=list(work_order_ids))

    def _one(self, query: str, **told: Any) -> Row | None:
        self._rows.execute(query.encode(), {"id": self._id} | told)
        return self._rows.fetchone()

    def _all(self, query: str, **told: Any) -> list[Row]:
        self._rows.execute(query.encode(), {"id": self._id} | told)
        return self._rows.fetchall()
