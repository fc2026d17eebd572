"""Keeps OEE of shifts and days current, for every machine and every line; what changed late restates its rows.

A run computes the windows that are not settled yet and those in which something was recorded since the run before, in
one transaction: a run that dies leaves nothing, one that is made again writes nothing new.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from connectors.deliveries.kind import Rows
from connectors.machine_oee import QUIET_AFTER, Plan, Plans, worked
from connectors.oee_inputs import inputs_of, sums_of
from connectors.reactions import Reacted
from schemas.settings import Settings
from sql import oee
from streams.domain.oee import Sums, added, factors_of
from streams.domain.oee_windows import Window, windows
from streams.domain.spans import merged
from streams.domain.stretches import Span

LOOKING_BACK: Final = timedelta(days=7)
"""How far a machine that is new here, or whose calendar, ideal or notes were changed, is computed again."""
Row = dict[str, Any]
LineWindow = tuple[str, str, str | None, datetime]


class Run(NamedTuple):
    """One run: what it writes with, the moment that it is for, and what it is measured against."""

    rows: Rows
    moment: datetime
    settings: Settings
    plans: Plans
    recorded_until: datetime


def due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """Compute what is to be computed."""
    run = Run(rows, moment, settings, Plans(rows, settings), oee.alone(rows))
    found = oee.machines(rows)
    if any(each["computed_until"] is not None and each["computed_until"] > moment for each in found):
        return Reacted(note="A later moment is computed already.")
    sinces = [each["recorded_until"] for each in found if each["recorded_until"] is not None]
    changed = oee.changed(rows, min(sinces), moment) if sinces else {}
    noted = oee.noted(rows, min(sinces)) if sinces else set()
    written, touched = list[bool | None](), set[LineWindow]()
    for machine in found:
        identity = machine["machine_id"]
        plan = run.plans.of(identity)
        spans = merged(_to_compute(machine, plan, moment, changed.get(identity, []), identity in noted))
        written += _compute(run, machine, plan, spans, touched)
    oee.watch(rows, [_watch(run, each) for each in found])
    written += _lines(run, touched)
    restated = sum(bool(each) for each in written)
    news = sum(each is not None for each in written)
    return Reacted(note=f"{len(written)} windows computed, {news} of them new or changed, {restated} restated.")


def _to_compute(machine: Row, plan: Plan, moment: datetime, changed: Sequence[Span], is_noted: bool) -> Iterator[Span]:
    """The time of a machine whose windows are to be computed."""
    if machine["recorded_until"] is None or machine["plan"] != plan.mark or is_noted:
        first = machine["first_at"] or machine["last_seen_at"]
        yield min(max(first, moment - LOOKING_BACK), moment - plan.rules.margin), moment
    if machine["recorded_until"] is not None:
        yield machine["computed_until"] - plan.rules.margin, moment
        was_seen_at = machine["was_seen_at"]
        if machine["last_seen_at"] > was_seen_at and machine["computed_until"] - was_seen_at > QUIET_AFTER:
            yield was_seen_at, moment
    for begin, end in changed:
        yield begin - plan.rules.margin, end + plan.rules.margin


def _compute(
    run: Run, machine: Row, plan: Plan, spans: Sequence[Span], touched: set[LineWindow]
) -> Iterator[bool | None]:
    zone = run.settings.plant_timezone
    for begin, end in spans:
        there = [each for each in windows(plan.calendar, zone, begin, end) if each.from_at < run.moment]
        shifts = [(each.shift, each.from_at) for each in there if each.bucket == "shift"]
        gone = oee.drop_others(run.rows, machine["machine_id"], (begin, end), shifts)
        touched.update((row["line"], row["bucket"], row["shift_name"], row["from_at"]) for row in gone)
        for window in there:
            touched.add((machine["line"], window.bucket, window.shift or None, window.from_at))
            yield oee.keep(run.rows, _machine_row(run, machine, plan, window))


def _machine_row(run: Run, machine: Row, plan: Plan, window: Window) -> Row:
    until = min(window.to_at, run.moment)
    found = worked(run.rows, machine, plan, window.from_at, until, run.moment).sums
    told = {
        "level": "machine",
        "subject_id": machine["machine_id"],
        "line": machine["line"],
        "work_center_id": plan.work_center_id,
        "bucket": window.bucket,
        "shift_name": window.shift or None,
        "day": window.day,
        "from_at": window.from_at,
        "to_at": window.to_at,
        "computed_until": until,
        "is_settled": window.to_at + plan.rules.margin <= run.moment,
    }
    return told | _figures(run, found)


def _figures(run: Run, found: Sums) -> Row:
    factors = factors_of(found)._asdict()
    key = {"tenant_id": run.settings.tenant_id, "calculated_at": run.moment}
    return key | factors | {"inputs": inputs_of(found)}


def _watch(run: Run, machine: Row) -> Row:
    return {
        "tenant_id": run.settings.tenant_id,
        "machine_id": machine["machine_id"],
        "recorded_until": run.recorded_until,
        "computed_until": run.moment,
        "last_seen_at": machine["last_seen_at"],
        "plan": run.plans.of(machine["machine_id"]).mark,
    }


def _lines(run: Run, touched: set[LineWindow]) -> Iterator[bool | None]:
    """The lines of the windows that were touched, from the rows of their machines; where none is left, theirs goes."""
    for line in sorted({each[0] for each in touched}):
        keys = {each[1:] for each in touched if each[0] == line}
        machines = oee.of_line(run.rows, line, {begin for *_, begin in keys})
        for key in sorted(keys, key=str):
            rows = [each for each in machines if (each["bucket"], each["shift_name"], each["from_at"]) == key]
            if rows:
                yield oee.keep(run.rows, _line_row(run, line, rows))
            else:
                oee.drop_line(run.rows, line, *key)


def _line_row(run: Run, line: str, rows: Sequence[Row]) -> Row:
    one = rows[0]
    told = {
        "level": "line",
        "subject_id": line,
        "line": line,
        "work_center_id": None,
        **{name: one[name] for name in ("bucket", "shift_name", "day", "from_at")},
        "to_at": max(each["to_at"] for each in rows),
        "computed_until": min(each["computed_until"] for each in rows),
        "is_settled": all(each["is_settled"] for each in rows),
    }
    return told | _figures(run, added(sums_of(each["inputs"]) for each in rows))
