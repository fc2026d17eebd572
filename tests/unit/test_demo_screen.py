"""The demo's page fits a terminal of 100 columns, says what is away, and its summary names what is wrong."""

import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from compose.demo import screen, summary
from compose.demo.accounts import Account
from compose.demo.outbound import Calls
from compose.demo.watch import CallsLine, Figures, Meter, OrderLine, Picture, Tables
from compose.local.plant import Status
from compose.local.processes import COMMANDS, INFRASTRUCTURE, SIMULATORS

NOW = datetime.now(UTC)
NAMES = (*INFRASTRUCTURE, *COMMANDS, *SIMULATORS)
TABLES = Tables(
    readings=1203,
    first_at=NOW,
    orders=[
        OrderLine("WO-ERP-452100", "Washer Door Assembly", "in_progress", "urgent", 62, 120, NOW, False),
        OrderLine("WO-ERP-452101", "Painted Cabinet", "in_progress", "low", 5, 90, NOW + timedelta(hours=5), True),
        OrderLine("WO-ERP-452102", "Washer Drum", "completed", "normal", 60, 60, NOW + timedelta(days=3), False),
    ],
    statuses={"in_progress": 2, "completed": 1},
    dead_letters={f"REASON_{number}": 20 - number for number in range(12)},
    recent_seconds=(0.0434, 0.0981, 12.2),
    calls=[
        CallsLine("ERP", 1_012, 3, 0, 998, "opened"),
        CallsLine("WMS", 2_024, 0, 0, 0, "closed"),
        CallsLine("MES", 1_030, 0, 1, 2, "half-opened"),
        CallsLine("HR", 2, 0, 0, 0, "closed"),
    ],
)
PICTURE = Picture(
    seconds=72.3,
    said={"MQTT": 1_204_000, "OPC-UA": 211, "ERP": 44},
    per_second={"MQTT": 2004.1, "OPC-UA": 2.9, "ERP": 0.2},
    waiting={"Kafka": 0, "agents": 12_000, "Postgres": None},
    processes=[Status(name, "running", 100, 10, 90, Path("log")) for name in NAMES],
    restarts=Counter({"agents": 2}),
    database=TABLES,
)
DOORS = {"console": "http://127.0.0.1:23456/", "signs you in": "http://127.0.0.1:23456/login#token=" + 32 * "x"}


def shown(what: RenderableType, width: int = 100) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    with console.capture() as capture:
        console.print(what)
    return capture.get()


def test_the_page_fits_100_columns_and_nothing_is_cut_off() -> None:
    text = shown(screen.page(PICTURE, "A living plant", DOORS, 12))
    assert max(map(len, text.splitlines())) <= 100
    assert "…" not in text
    assert [line.split()[-5:] for line in text.splitlines() if "1,012" in line] == [
        ["ERP", "1,012", "3", "998", "open"]
    ]
    for words in ("2,004.1", "p50 43 ms  p95 98 ms  p99 12.2 s", "62 / 120", "machine down", "done", "agents ×2"):
        assert words in text


def test_rare_reasons_are_counted_together() -> None:
    text = shown(screen.page(PICTURE, "A living plant", DOORS, 12))
    assert "reason 6" in text
    assert "reason 7" not in text
    assert "5 other reasons" in text


def test_a_page_without_postgres_says_so() -> None:
    text = shown(screen.page(replace(PICTURE, database=None), "A living plant", DOORS, 12))
    assert "Postgres does not answer just now" in text
    assert "away" in text
    assert "Postgres does not answer" in screen.line(replace(PICTURE, database=None))


def test_without_a_terminal_a_picture_is_one_line() -> None:
    text = screen.line(PICTURE)
    assert "\n" not in text
    assert "waiting 0/12000/?" in text
    assert "rows 1203" in text
    assert "delivered ERP 1,012 (waiting 3, failed answers 998, circuit open), WMS 2,024, MES 1,030" in text


def test_a_summary_names_what_was_lost_and_does_not_call_it_well() -> None:
    account = Account(sent=Counter(mqtt=2), applied=Counter(mqtt=1), lost=["mqtt count-7 (expected: applied)"])
    text = shown(summary.table(account, 60.0, 14.2))
    assert "mqtt count-7" in text
    assert "Not every message is accounted for." in text
    assert max(map(len, text.splitlines())) <= 100


def test_a_summary_says_how_many_completed_orders_the_erp_heard_of_and_how_often_it_failed() -> None:
    calls = Calls(completed=12, arrived=12, asked=Counter(erp=25, wms=30), failed=Counter(erp=13))
    text = shown(summary.table(Account(calls=calls), 60.0, 14.2))
    assert "What 12 completed orders came to at the ERP" in text
    assert "13 of them failed (52%)" in text
    assert "Every message is accounted for" in text


def test_a_summary_names_the_order_that_the_erp_did_not_hear_of() -> None:
    calls = Calls(completed=2, arrived=1, waiting=1, missing=["WO-ERP-7 is completed, and the ERP has not heard of it"])
    text = shown(summary.table(Account(calls=calls), 60.0, 14.2))
    assert "WO-ERP-7 is completed, and the ERP has not heard of it" in text
    assert "still waiting" in text
    assert "Not every message is accounted for." in text


def test_a_meter_goes_on_when_the_counter_begins_again() -> None:
    meter = Meter()
    for at, value in enumerate([10.0, 20.0, None, 5.0, 15.0]):
        meter.read(float(at), value)
    assert meter.total == 35
    assert meter.per_second == pytest.approx(25 / 4)


def test_figures_of_several_processes_are_added_up_and_silence_is_no_zero() -> None:
    texts = ['lag{topic="a"} 3\nlag{topic="b"} 4\n', "lag 5\n"]
    assert Figures(texts).sum("lag") == 12
    assert Figures(texts).sum("lag", topic="a") == 3
    assert Figures([]).sum("lag") is None
