"""Draws a picture of the plant: a page for a terminal, one plain line where there is none."""

from datetime import UTC, datetime
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from compose.demo.watch import CallsLine, OrderLine, Picture, Tables
from compose.local.plant import Status

WIDEST: Final = 110
BAR: Final = 26
MOST_REASONS: Final = 8
MANY_WAITING: Final = 500
SOURCES: Final = {"MQTT": "MQTT machines", "OPC-UA": "OPC-UA machines", "ERP": "ERP and warehouse"}
OPEN: Final = ("in_progress", "received", "on_hold", "completed", "cancelled")
CIRCUITS: Final = {"closed": ("closed", ""), "half-opened": ("probing", "yellow"), "opened": ("open", "bold red")}
PRIORITY_STYLES: Final = {"urgent": "bold yellow", "high": "yellow", "normal": "", "low": "dim"}


def page(picture: Picture, title: str, doors: dict[str, str], orders_shown: int) -> RenderableType:
    """The whole page."""
    tables = picture.database
    parts: list[RenderableType] = [
        _headline(picture, title),
        _doors(doors),
        _beside(_sources(picture), _path(picture)),
        *_work_orders(tables, orders_shown),
        _beside(_dead_letters(tables), Group(_calls(tables), Text(), _processes(picture))),
    ]
    return Padding(Group(*(each for part in parts for each in (part, Text()))), (1, 1, 0, 1))


def line(picture: Picture) -> str:
    """The same in one line of plain text."""
    tables = picture.database
    said = " ".join(f"{name} {rate:.1f}/s" for name, rate in picture.per_second.items())
    waiting = "/".join("?" if count is None else f"{count}" for count in picture.waiting.values())
    p95 = f"p95 {tables.recent_seconds[1]:.2f} s" if tables and tables.recent_seconds else "p95 -"
    up = sum(each.pid is not None for each in picture.processes)
    begin = f"{picture.seconds:4.0f} s  {said}  waiting {waiting}  "
    if tables is None:
        return f"{begin}Postgres does not answer  {up} processes up"
    dead = sum(tables.dead_letters.values())
    making, done = tables.statuses.get("in_progress", 0), tables.statuses.get("completed", 0)
    return (
        f"{begin}rows {tables.readings}  {p95}  orders {making} in progress, {done} done  "
        f"dead letters {dead}  {_calls_in_words(tables)}processes {up} up, {picture.restarts.total()} restarted"
    )


def _calls_in_words(tables: Tables) -> str:
    """`delivered ERP 3 (waiting 2, failed answers 5, circuit open), HR 2`: only what is worth a word."""
    told = [f"{each.system} {each.delivered:,}{_troubles(each)}" for each in tables.calls]
    return f"delivered {', '.join(told)}  " if told else ""


def _troubles(calls: CallsLine) -> str:
    told = [
        f"waiting {calls.waiting:,}" * bool(calls.waiting),
        f"failed answers {calls.failures:,}" * bool(calls.failures),
        f"circuit {CIRCUITS.get(calls.circuit, (calls.circuit,))[0]}" * (calls.circuit != "closed"),
    ]
    words = ", ".join(filter(None, told))
    return f" ({words})" if words else ""


def _headline(picture: Picture, title: str) -> RenderableType:
    minutes, seconds = divmod(int(picture.seconds), 60)
    row = _grid(1, 0)
    row.add_row(
        Text(title, "bold"), Text.assemble(f"{minutes:02d}:{seconds:02d}", ("  Ctrl-C stops everything", "dim"))
    )
    return row


def _doors(doors: dict[str, str]) -> RenderableType:
    row = Table.grid(padding=(0, 2))
    for name, address in doors.items():
        row.add_row(Text(name, "dim"), Text(address, "cyan" if "://" in address else ""))
    return row


def _sources(picture: Picture) -> RenderableType:
    shown = _section("what is said", "per second", "so far")
    for name, words in SOURCES.items():
        shown.add_row(words, f"{picture.per_second[name]:,.1f}", f"{picture.said[name]:,}")
    return shown


def _path(picture: Picture) -> RenderableType:
    shown = _section("on its way", "waiting")
    for hop, count in picture.waiting.items():
        style = "yellow" if count is None or count > MANY_WAITING else ""
        shown.add_row(f"for {hop}", Text("away" if count is None else f"{count:,}", style))
    recent = picture.database.recent_seconds if picture.database else None
    told = "  ".join(
        f"{name} {_seconds(value)}" for name, value in zip(("p50", "p95", "p99"), recent or (), strict=False)
    )
    shown.add_row("machine to row", told or "-")
    return shown


def _work_orders(tables: Tables | None, most: int) -> list[RenderableType]:
    if tables is None:
        return [Text("Postgres does not answer just now; the plant goes on and catches up.", "yellow")]
    counts = "  ".join(f"{tables.statuses[each]} {each.replace('_', ' ')}" for each in OPEN if each in tables.statuses)
    head = Text.assemble(("work orders", "bold"), "  ", (counts or "none yet", "dim"))
    rows = Table.grid(padding=(0, 2))
    for justify in ("left", "left", "left", "left", "right", "left"):
        rows.add_column(justify=justify, no_wrap=True)
    for order in tables.orders[:most]:
        rows.add_row(*_order(order))
    return [Group(head, rows)]


def _order(order: OrderLine) -> tuple[RenderableType, ...]:
    is_done = order.produced >= order.ordered
    colour = "green" if is_done else "yellow" if order.is_interrupted else "cyan"
    bar = ProgressBar(
        order.ordered, min(order.produced, order.ordered), BAR, complete_style=colour, finished_style=colour
    )
    note = "machine down" if order.is_interrupted else "done" if is_done else _due(order.due_date)
    return (
        order.erp_work_order_id,
        Text(order.product),
        Text(order.priority, PRIORITY_STYLES.get(order.priority, "")),
        bar,
        f"{order.produced:,.0f} / {order.ordered:,.0f}",
        Text(note, colour if order.is_interrupted or is_done else "dim"),
    )


def _due(moment: datetime) -> str:
    hours = (moment - datetime.now(UTC)).total_seconds() / 3600
    if hours < 0:
        return "overdue"
    return (
        f"due in {hours * 60:.0f} min"
        if hours < 1
        else f"due in {hours:.0f} h"
        if hours < 36
        else f"due in {hours / 24:.0f} d"
    )


def _dead_letters(tables: Tables | None) -> RenderableType:
    letters = tables.dead_letters if tables else {}
    shown = _section(f"dead letters  {sum(letters.values())}", "")
    most = len(letters) if len(letters) <= MOST_REASONS else MOST_REASONS - 1
    for reason, count in list(letters.items())[:most]:
        shown.add_row(Text(reason.replace("_", " ").lower()), f"{count}")
    if len(letters) > most:
        shown.add_row(Text(f"{len(letters) - most} other reasons", "dim"), f"{sum(list(letters.values())[most:])}")
    if letters:
        shown.add_row(Text("simulators talk nonsense on purpose", "dim"), "")
    return shown


def _calls(tables: Tables | None) -> RenderableType:
    shown = _section("calls to", "delivered", "waiting", "answers failed", "circuit")
    for each in tables.calls if tables else ():
        circuit = Text(*CIRCUITS.get(each.circuit, (each.circuit, "yellow")))
        waiting = Text(f"{each.waiting:,}", "yellow" if each.waiting else "")
        shown.add_row(each.system, f"{each.delivered:,}", waiting, f"{each.failures:,}", circuit)
    return shown


def _processes(picture: Picture) -> RenderableType:
    up = sum(each.pid is not None for each in picture.processes)
    shown = _section(f"processes  {up} up, {picture.restarts.total()} restarted")
    names = [_process(each, picture.restarts[each.name]) for each in picture.processes]
    columns = Table.grid(padding=(0, 2))
    for begin in range(0, len(names), 3):
        columns.add_row(*names[begin : begin + 3])
    shown.add_row(columns)
    return shown


def _process(status: Status, restarts: int) -> Text:
    mark, style = ("●", "green") if status.pid else ("○", "red")
    return Text.assemble((f"{mark} ", style), status.name, (f" ×{restarts}" if restarts else "", "yellow"))


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def _grid(*ratios: int) -> Table:
    grid = Table.grid(expand=True)
    for ratio in ratios:
        grid.add_column(ratio=ratio or None, no_wrap=True)
    return grid


def _beside(left: RenderableType, right: RenderableType) -> RenderableType:
    both = Table.grid(expand=True, padding=(0, 4, 0, 0))
    both.add_column(ratio=5)
    both.add_column(ratio=6)
    both.add_row(left, right)
    return both


def _section(*heads: str) -> Table:
    """A list without lines: names to the left, figures to the right."""
    shown = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        shown.add_column(
            head, justify="right" if index else "left", no_wrap=True, header_style="dim" if index else "bold"
        )
    return shown
