"""Settles what the simulators wrote down before they spoke against what Postgres and the dead letters say."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psycopg

ROWS = """
SELECT log_id FROM production_logs
UNION ALL SELECT 'inspection-' || inspection_id FROM quality_inspections
UNION ALL SELECT erp_work_order_id FROM work_orders
"""
DOWNTIMES = "SELECT downtime_id, ended_at IS NOT NULL FROM downtime_events"
DEAD_LETTERS = """
SELECT failure_key, coalesce(original_message #>> '{payload,log_id}', original_message_id, failure_key), error_code
FROM integration_failures
"""
LATENCY = """
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM recorded_at - produced_at))
FROM production_logs WHERE NOT is_late
"""
PRODUCED = "SELECT work_order_id, quantity_produced::bigint FROM work_orders"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a ledger, written before the message was sent.

    `fate` is what should become of it: applied, duplicate, late, or dead_letter:<code>.
    """

    id: str
    channel: str
    fate: str
    work_order_id: str | None = None
    machine_id: str | None = None
    units: int = 0


@dataclass(slots=True)
class Account:
    """What became of everything that was sent. `lost` and `doubled` must be empty."""

    sent: int = 0
    applied: int = 0
    duplicates: int = 0
    late: int = 0
    dead_letters: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    latency_seconds: tuple[float, float, float] | None = None

    @property
    def is_settled(self) -> bool:
        """Whether every message is accounted for, once."""
        return not self.lost and not self.doubled


def read_ledgers(paths: Iterable[Path]) -> list[Entry]:
    """All entries of all ledgers that exist; a half-written last line is not an entry yet."""
    decoder = msgspec.json.Decoder(Entry)
    return [
        decoder.decode(line)
        for path in paths
        if path.exists()
        for line in path.read_bytes().splitlines(keepends=True)
        if line.endswith(b"\n")
    ]


def settle(database_url: str, tenant_id: str, entries: list[Entry]) -> Account:
    """Compare ledger and database. Units are compared per order: what was made against what is recorded."""
    with psycopg.connect(database_url) as connection:
        connection.execute("SELECT set_config('app.current_tenant_id', %s, true)", [tenant_id])
        rows = Counter(str(row[0]) for row in connection.execute(ROWS))
        rows.update(_downtimes(connection))
        dead = [(str(key), str(original), str(code)) for key, original, code in connection.execute(DEAD_LETTERS)]
        produced = {str(order): int(units) for order, units in connection.execute(PRODUCED)}
        latency = connection.execute(LATENCY).fetchone()
    account = Account(sent=len(entries), latency_seconds=tuple(latency[0]) if latency and latency[0] else None)
    _follow(account, entries, rows, dead)
    account.doubled += [f"row {name} stands {count} times" for name, count in rows.items() if count > 1]
    account.doubled += _units_made_up(entries, produced, {original for _, original, _ in dead})
    return account


def _downtimes(connection: psycopg.Connection[Any]) -> Iterable[str]:
    for downtime_id, has_ended in connection.execute(DOWNTIMES):
        _, machine_and_moment = str(downtime_id).split("-", 1)
        machine, moment = machine_and_moment.rsplit("-", 1)
        yield f"downtime-{machine}-started-{moment}"
        if has_ended:
            yield f"downtime-{machine}-ended"


def _follow(account: Account, entries: list[Entry], rows: Counter[str], dead: list[tuple[str, str, str]]) -> None:
    """Find each message: in a row, in the dead letters, or nowhere."""
    failed = {name: code for key, original, code in dead for name in (key, original)}
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            account.duplicates += 1
            continue
        seen.add(entry.id)
        if entry.id in rows or _ended(entry.id) in rows:
            account.applied += 1
            account.late += entry.fate == "late"
        elif entry.id in failed:
            account.dead_letters[failed[entry.id]] += 1
        else:
            account.lost.append(f"{entry.channel} {entry.id} (expected: {entry.fate})")


def _ended(entry_id: str) -> str:
    """The end of a downtime closes the row that its start opened; it has none of its own."""
    return entry_id.rsplit("-", 1)[0] if entry_id.startswith("downtime-") and "-ended-" in entry_id else entry_id


def _units_made_up(entries: list[Entry], produced: dict[str, int], dead: set[str]) -> list[str]:
    """Orders whose recorded units are not the units that were made for them."""
    made: Counter[str] = Counter()
    seen: set[str] = set()
    for entry in entries:
        if entry.work_order_id and entry.id not in seen and entry.id not in dead:
            made[entry.work_order_id] += entry.units
        seen.add(entry.id)
    return [
        f"{order}: {units} units were made, {produced[order]} are recorded"
        for order, units in made.items()
        if order in produced and produced[order] != units
    ]
