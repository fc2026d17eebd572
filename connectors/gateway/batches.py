"""Reads a batch of rows, JSON or CSV, row by row: one bad row does not stop the others."""

import csv
import io
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Generic

from connectors.gateway.depends import LARGE_BODY
from connectors.gateway.problems import Problem
from connectors.gateway.requests import Reply
from connectors.gateway.state import State
from connectors.systems.rows import Row, check
from schemas.codec import Unreadable, parse
from sql.reads import materials

MOST_ROWS = 20_000
LOOK_AGAIN_SECONDS = 0.02


@dataclass
class Batch(Generic[Row]):
    """The rows that can be read, and why the others cannot."""

    rows: list[Row] = field(default_factory=list)
    rejected: list[dict[str, Any]] = field(default_factory=list)

    def refuse(self, material_ids: set[str], reason: str) -> None:
        """Take the rows of these materials out, with a reason."""
        kept: list[Row] = []
        for row in self.rows:
            identity = str(getattr(row, "material_id", ""))
            if identity in material_ids:
                self.rejected.append({"row": None, "material_id": identity, "reason": reason, "path": "material_id"})
            else:
                kept.append(row)
        self.rows = kept

    def reply(self) -> Reply:
        """The answer: 200 unless nothing at all was accepted."""
        document = {
            "status": "partial" if self.rejected else "success",
            "accepted": len(self.rows),
            "rejected": self.rejected,
        }
        if self.rejected and not self.rows:
            raise Problem(400, "No row could be read.", rejected=self.rejected[:100])
        return Reply(200, document)


def await_rows(parts: State, tenant_id: str, told: list[dict[str, Any]]) -> None:
    """Return when an order can be checked against what was just told, or after `command_wait_seconds`."""
    tick, until = threading.Event(), time.monotonic() + parts.settings.command_wait_seconds
    while time.monotonic() < until:
        with parts.database.tenant(tenant_id) as rows:
            if materials.behind(rows, told) == 0:
                return
        tick.wait(LOOK_AGAIN_SECONDS)


def read(body: bytes, media_type: str, name: str, model: type[Row]) -> Batch[Row]:
    """A batch from `{name: [...]}` or from CSV with a header. Raises Unreadable where the whole cannot be read."""
    documents = _csv(body) if media_type.startswith("text/csv") else _json(body, name)
    if len(documents) > MOST_ROWS:
        raise Unreadable("VALIDATION_ERROR", f"A batch has {MOST_ROWS} rows at most, not {len(documents)}.", name)
    checked = check(documents, model)
    return Batch(
        checked.good,
        [
            {
                "row": bad.number,
                "material_id": bad.material_id,
                "reason": bad.refusal.reason,
                "path": bad.refusal.path,
            }
            for bad in checked.bad
        ],
    )


def _json(body: bytes, name: str) -> list[Any]:
    document = parse(body, LARGE_BODY)
    rows = document.get(name) if isinstance(document, dict) else None
    if not isinstance(rows, list):
        raise Unreadable("VALIDATION_ERROR", f"The body must be an object with a list called {name}.", name)
    return rows


def _csv(body: bytes) -> list[Any]:
    """Rows of a CSV file (RFC 4180, header first); empty cells are absent, figures and truth values read as such."""
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("NOT_UTF8", f"Byte {error.start} of the file is not UTF-8.") from error
    if "\0" in text:
        raise Unreadable("NUL_CHARACTER", "The file holds a NUL character, which no text column can keep.")
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Unreadable("INVALID_CSV", f"The file is not valid CSV: {error}.") from error
    return [{name: _cell(name, cell) for name, cell in row.items() if name and cell not in ("", None)} for row in rows]


def _cell(name: str, cell: str) -> Any:
    if name.startswith("is_"):
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(cell.lower(), cell)
    if name.endswith(("_cost", "_stock", "_quantity")):
        try:
            return parse(cell.encode())
        except Unreadable:
            return cell
    return cell
