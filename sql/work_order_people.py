"""What people write to an order and do with it: notes, tasks with who is to do them, commands."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

from psycopg import Cursor

Row = dict[str, Any]

NOTE = "note_id, work_order_id, body, written_by, written_at"
TASK = """task_id, work_order_id, title, assigned_to, due_at, trim_scale(estimated_hours) AS estimated_hours,
  trim_scale(actual_hours) AS actual_hours, started_at, notes, status, created_by, created_at, done_by, done_at"""
MAY_CHANGE = ("title", "assigned_to", "due_at", "estimated_hours", "actual_hours", "started_at", "notes")

# A change that a person's command led to has its version. What a change does not tell stayed as it was.
HISTORY = """
SELECT c.happened_at AS at, c.known_at, c.event, c.status, c.priority, c.due_date, c.quantity_ordered,
  c.materials_status, c.is_interrupted, c.assigned_machine_id, c.assigned_operator_id, c.inspection_count, c.version,
  coalesce(p.reason, c.reason) AS reason, p.verb, p.said_by, c.event_topic, c.event_partition, c.event_offset
FROM work_order_changes c
LEFT JOIN work_order_commands p
  ON p.tenant_id = c.tenant_id AND p.work_order_id = c.work_order_id AND p.order_version = c.version
WHERE c.work_order_id = %(id)s
UNION ALL
SELECT said_at, said_at, 'work_order.asked', NULL, NULL, NULL, NULL, NULL, NULL, machine_id, operator_id, NULL, NULL,
  reason, verb, said_by, NULL, NULL, NULL
FROM work_order_commands WHERE work_order_id = %(id)s AND order_version IS NULL
ORDER BY known_at DESC, version DESC LIMIT %(limit)s
"""


class Task(NamedTuple):
    """A task before it is kept."""

    task_id: str
    work_order_id: str
    title: str
    assigned_to: str | None
    due_at: datetime | None
    created_by: str
    estimated_hours: Decimal | None = None
    notes: str | None = None


class Command(NamedTuple):
    """A command of a person to an order; `order_version` it led to, where that is known."""

    command_id: str
    work_order_id: str
    verb: str
    said_by: str
    reason: str | None = None
    machine_id: str | None = None
    operator_id: str | None = None
    order_version: int | None = None


def add_command(rows: Cursor[Row], tenant_id: str, command: Command) -> None:
    """Keep who said what to an order; said again it stays as it was said first."""
    rows.execute(
        "INSERT INTO work_order_commands (tenant_id, command_id, work_order_id, verb, said_by, reason, machine_id, "
        "operator_id, order_version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [tenant_id, *command],
    )


def history(rows: Cursor[Row], work_order_id: str, limit: int) -> list[Row]:
    """What became of an order, latest first: its changes with who wanted them, and commands nobody has answered yet."""
    rows.execute(HISTORY.encode(), {"id": work_order_id, "limit": limit})
    return rows.fetchall()


def add_note(rows: Cursor[Row], tenant_id: str, note_id: str, work_order_id: str, body: str, who: str) -> Row:
    """Keep a note; the note as it is kept."""
    rows.execute(
        f"INSERT INTO work_order_notes (tenant_id, note_id, work_order_id, body, written_by) "
        f"VALUES (%s, %s, %s, %s, %s) RETURNING {NOTE}".encode(),
        [tenant_id, note_id, work_order_id, body, who],
    )
    return _the(rows)


def add_task(rows: Cursor[Row], tenant_id: str, task: Task) -> Row:
    """Keep a task; the task as it is kept."""
    rows.execute(
        "INSERT INTO work_order_tasks (tenant_id, task_id, work_order_id, title, assigned_to, due_at, created_by, "
        f"estimated_hours, notes) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING {TASK}".encode(),
        [tenant_id, *task],
    )
    return _the(rows)


def change_task(rows: Cursor[Row], work_order_id: str, task_id: str, changes: Row, who: str) -> Row | None:
    """Change what is named of a task, None where it is not there. Who said first that it is done stays named."""
    rows.execute(
        f"UPDATE work_order_tasks SET {''.join(f'{name} = %({name})s, ' for name in MAY_CHANGE if name in changes)}"
        "status = coalesce(%(status)s, status), "
        "done_by = CASE coalesce(%(status)s, status) WHEN 'done' THEN coalesce(done_by, %(who)s) END, "
        "done_at = CASE coalesce(%(status)s, status) WHEN 'done' THEN coalesce(done_at, clock_timestamp()) END "
        f"WHERE task_id = %(task_id)s AND work_order_id = %(work_order_id)s RETURNING {TASK}".encode(),
        {
            **{name: changes.get(name) for name in (*MAY_CHANGE, "status")},
            "who": who,
            "task_id": task_id,
            "work_order_id": work_order_id,
        },
    )
    return rows.fetchone()


def notes(rows: Cursor[Row], work_order_id: str) -> list[Row]:
    """An order's notes, latest first."""
    rows.execute(
        f"SELECT {NOTE} FROM work_order_notes WHERE work_order_id = %s ORDER BY written_at DESC, note_id".encode(),
        [work_order_id],
    )
    return rows.fetchall()


def tasks(rows: Cursor[Row], work_order_id: str) -> list[Row]:
    """An order's tasks: what is open first, by when it is due."""
    rows.execute(
        f"SELECT {TASK} FROM work_order_tasks WHERE work_order_id = %s "
        "ORDER BY status = 'done', due_at NULLS LAST, created_at, task_id".encode(),
        [work_order_id],
    )
    return rows.fetchall()


def _the(rows: Cursor[Row]) -> Row:
    kept = rows.fetchone()
    assert kept is not None, "INSERT ... RETURNING answers with the row"
    return kept
