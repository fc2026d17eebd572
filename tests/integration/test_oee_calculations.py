"""OEE of shifts and days as rows: kept current, restated by what comes late, the same however often it is computed."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from connectors.machine_oee import Plans, worked
from schemas.messages.machines import ConnectionGap, DowntimeEnded, DowntimeStarted
from schemas.settings import DEFAULT_TENANT
from sql.reads import machines
from tests.integration.oee_lines import CALENDAR, PRESS, SETTLED, WELDER, Line, at
from tests.plants import RunningPlant
from tests.yards import Yard

pytestmark = pytest.mark.services


@pytest.fixture
def line(alone: Yard) -> Line:
    return Line(alone)


def test_a_shift_becomes_a_row_with_every_input(line: Line) -> None:
    """105 min without the break; 20 min down, so 85 of running; 150 units at 30 s, 10 of them scrap at the start."""
    line.shift()
    line.compute(SETTLED)
    row = line.one(PRESS)
    seconds, losses = row["inputs"]["seconds"], row["inputs"]["losses"]
    assert (row["shift_name"], str(row["day"]), row["from_at"], row["to_at"]) == ("Noon", "2026-11-21", at(0), at(120))
    assert (seconds["closed"], seconds["running"], seconds["breakdowns"]) == (900, 85 * 60, 1200)
    assert (row["availability"], row["quality"]) == (85 / 105, 140 / 150)
    assert row["performance"] == 75 / 85
    assert losses == {
        "breakdowns": 1200,
        "setup_and_adjustments": 0,
        "idling_and_minor_stops": 0,
        "reduced_speed": 600,
        "process_defects": 0,
        "startup_rejects": 300,
    }
    assert row["is_settled"]
    assert (row["version"], row["restated_at"]) == (1, None)


def test_losses_add_up_in_sql_to_planned_less_productive_time(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    line.rows.execute(
        "SELECT count(*) AS rows, bool_and((SELECT sum(value::numeric) FROM jsonb_each_text(inputs->'losses')) "
        "= (inputs->>'planned_seconds')::numeric - (inputs->>'productive_seconds')::numeric) AS is_right "
        "FROM oee_calculations"
    )
    assert line.rows.fetchall() == [{"rows": 6, "is_right": True}]


def test_a_line_is_the_sum_of_its_machines(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    whole, press, welder = (line.one(name)["inputs"] for name in ("line1", PRESS, WELDER))
    for name in ("planned_seconds", "ideal_seconds", "productive_seconds", "units", "scrapped_units", "machines"):
        assert whole[name] == press[name] + welder[name], name
    for name, lost in whole["losses"].items():
        assert lost == press["losses"][name] + welder["losses"][name]
    assert line.one("line1")["oee"] == pytest.approx((140 * 30 + 90 * 60) / (2 * 105 * 60))


def test_a_row_says_what_the_api_says_of_the_same_time(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    machine = machines.one(line.rows, PRESS)
    assert machine is not None
    plan = Plans(line.rows, line.settings).of(PRESS)
    found = worked(line.rows, machine, plan, at(0), at(120), at(SETTLED)).oee
    row = line.one(PRESS)
    assert [row[name] for name in ("availability", "performance", "quality", "oee")] == list(found[2:6])
    assert row["inputs"]["losses"] == found.losses


def test_computed_again_nothing_is_written(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    before = line.all()
    assert line.compute(SETTLED).endswith("0 of them new or changed, 0 restated.")
    assert line.all() == before


def test_a_count_that_comes_late_restates_its_windows_and_no_others(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    before = {(each["subject_id"], each["bucket"]): each for each in line.all()}
    line.count(WELDER, 115, 6)
    assert line.compute(SETTLED + 60).endswith("2 restated.")
    after = {(each["subject_id"], each["bucket"]): each for each in line.all()}
    for name in (WELDER, "line1"):
        assert after[name, "shift"]["version"] == 2
        assert after[name, "shift"]["restated_at"] == at(SETTLED + 60)
        assert after[name, "shift"]["inputs"]["units"] == before[name, "shift"]["inputs"]["units"] + 6
    assert after[WELDER, "shift"]["performance"] > before[WELDER, "shift"]["performance"]
    assert after[PRESS, "shift"] == before[PRESS, "shift"]


def test_a_status_that_comes_late_restates_the_figure(line: Line) -> None:
    """From 13:30 to 13:40 the welder stood, says its history, an hour later."""
    line.shift()
    line.status(WELDER, 100, "running")
    line.compute(SETTLED)
    assert line.one(WELDER)["availability"] == 1.0
    line.status(WELDER, 90, "stopped")
    line.compute(SETTLED + 60)
    row = line.one(WELDER)
    assert row["inputs"]["losses"]["breakdowns"] > 0
    assert (row["version"], row["restated_at"]) == (2, at(SETTLED + 60))


def test_a_gap_that_is_told_late_takes_planned_time_away(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    told = ConnectionGap(machine_id=WELDER, from_at=at(10), to_at=at(20), reason="line lost")
    line.say(150, "mes.connection_gap", told)
    line.compute(SETTLED + 30)
    row = line.one(WELDER)
    assert (row["inputs"]["seconds"]["unobserved"], row["inputs"]["planned_seconds"]) == (600, 95 * 60)
    assert row["restated_at"] == at(SETTLED + 30)


def test_the_end_of_a_downtime_that_is_told_late_changes_its_class(line: Line) -> None:
    """It stood on after the setup was over: what follows has no reason."""
    line.say(20, "mes.downtime_started", DowntimeStarted(machine_id=PRESS, downtime_reason_code="SETUP"))
    line.status(PRESS, 60, "running")
    line.status(PRESS, 121, "idle")
    line.compute(SETTLED)
    assert line.one(PRESS)["inputs"]["losses"]["setup_and_adjustments"] == 40 * 60
    line.say(30, "mes.downtime_ended", DowntimeEnded(machine_id=PRESS))
    line.compute(SETTLED + 1)
    losses = line.one(PRESS)["inputs"]["losses"]
    assert (losses["setup_and_adjustments"], losses["breakdowns"]) == (600, 1800)


def test_a_shift_that_is_under_way_grows_with_every_run_and_is_not_restated(line: Line) -> None:
    line.shift()
    line.compute(60)
    early = line.one(PRESS)
    assert (early["computed_until"], early["is_settled"], early["to_at"]) == (at(60), False, at(120))
    line.compute(61)
    later = line.one(PRESS)
    assert (later["version"], later["restated_at"]) == (2, None)
    line.compute(SETTLED)
    assert line.one(PRESS)["is_settled"]
    assert line.one(PRESS)["restated_at"] is None


def test_a_night_is_one_window_of_the_day_it_begins_on(line: Line) -> None:
    line.shift()
    line.compute(20 * 60)
    (night,) = [each for each in line.all() if each["shift_name"] == "Night" and each["subject_id"] == PRESS]
    assert (str(night["day"]), night["from_at"], night["to_at"]) == ("2026-11-21", at(600), at(1080))
    assert night["inputs"]["seconds"]["unobserved"] == 8 * 3600
    assert (night["availability"], night["oee"]) == (None, None)


def test_a_calendar_that_is_changed_restates_the_shifts_and_drops_those_it_has_no_more(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    other = CALENDAR | {"shifts": [{**CALENDAR["shifts"][0], "name": "Midday", "breaks": []}]}  # type: ignore[dict-item]
    line.rows.execute(
        "WITH c AS (INSERT INTO work_calendars (tenant_id, calendar_code, calendar_name, definition) "
        "VALUES (%s, 'C', 'C', %s) RETURNING id) "
        "INSERT INTO work_centers (tenant_id, work_center_code, work_center_name, line, machine_id, calendar_id) "
        "SELECT %s, 'WC', 'WC', 'line1', %s, id FROM c",
        [DEFAULT_TENANT, Jsonb(other), DEFAULT_TENANT, WELDER],
    )
    line.compute(SETTLED + 1)
    shifts = {(each["subject_id"], each["shift_name"]) for each in line.all() if each["bucket"] == "shift"}
    assert shifts == {(PRESS, "Noon"), (WELDER, "Midday"), ("line1", "Noon"), ("line1", "Midday")}
    assert line.one(WELDER)["inputs"]["planned_seconds"] == 7200
    assert line.one(WELDER)["work_center_id"] is not None
    noon = next(each for each in line.all() if (each["subject_id"], each["shift_name"]) == ("line1", "Noon"))
    assert noon["inputs"]["machines"] == 1


def test_planned_maintenance_is_no_planned_time_and_a_repair_is_a_breakdown(line: Line) -> None:
    line.rows.execute(
        "WITH w AS (INSERT INTO work_centers (tenant_id, work_center_code, work_center_name, line, machine_id) "
        "VALUES (%(tenant)s, 'WC', 'WC', 'line1', %(machine)s) RETURNING id) "
        "INSERT INTO maintenance_records (tenant_id, work_center_id, maintenance_type, status, begins_at, ends_at) "
        "SELECT %(tenant)s, w.id, told.kind, 'done', told.begins, told.ends FROM w, (VALUES "
        "('preventive', %(a)s::timestamptz, %(b)s::timestamptz), ('corrective', %(b)s, %(c)s)) "
        "AS told(kind, begins, ends)",
        {"tenant": DEFAULT_TENANT, "machine": PRESS, "a": at(10), "b": at(30), "c": at(34)},
    )
    line.status(PRESS, 10, "stopped")
    line.status(PRESS, 34, "running")
    line.status(PRESS, 70, "idle")
    line.compute(60)
    row = line.one(PRESS, "day")
    assert (row["inputs"]["seconds"]["planned_stop"], row["inputs"]["losses"]["breakdowns"]) == (1200, 240)


def test_a_machine_that_wakes_after_a_silence_is_computed_from_its_last_sign_of_life(line: Line) -> None:
    line.compute(30)
    assert line.one(PRESS, "day")["inputs"]["seconds"]["running"] == 0, "it was silent since noon"
    line.status(PRESS, 31, "idle")
    line.compute(32)
    assert line.one(PRESS, "day")["inputs"]["seconds"]["running"] == 31 * 60


def test_a_run_that_dies_leaves_nothing(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    line.shift()

    def dies(*_: Any) -> None:
        raise psycopg.OperationalError("the server closed the connection")

    monkeypatch.setattr("sql.oee.of_line", dies)
    with pytest.raises(psycopg.OperationalError), line.rows.connection.transaction():
        line.compute(SETTLED)
    assert line.all() == []
    monkeypatch.undo()
    line.compute(SETTLED)
    assert len(line.all()) == 6


def test_an_older_moment_does_not_undo_a_later_one(line: Line) -> None:
    line.shift()
    line.compute(SETTLED)
    before = line.all()
    assert line.compute(60) == "A later moment is computed already."
    assert line.all() == before


def test_rows_are_their_tenants(migrated: RunningPlant, line: Line) -> None:
    from sql import database

    line.shift()
    line.compute(SETTLED)
    database.tenant(line.rows, "00000000-0000-4000-8000-000000000002")
    assert line.all() == []
    database.tenant(line.rows, DEFAULT_TENANT)
