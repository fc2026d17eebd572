"""From real OPC-UA servers to a real Kafka through the process `mes-opcua`, whatever a server does."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest
from asyncua import ua

from schemas.settings import DEFAULT_TENANT
from tests.integration.bridges import (
    Connector,
    Ear,
    await_status,
    await_utilization,
    await_visit,
    codes,
    gaps,
    statuses,
)
from tests.integration.floors import Floor, Ground, tries
from tests.plants import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def floor(floors: Ground) -> Floor:
    """The server that most tests share, with M-1 and M-2; each test leaves them idle."""
    place = floors.floor()
    place.open("M-1", "M-2")
    return place


@pytest.fixture(scope="module")
def connector(floors: Ground, floor: Floor) -> Connector:
    """Listens to that server. It also expects M-3, which is not there, and a second server, which does not answer."""
    elsewhere = floors.floor().endpoint.model_copy(update={"name": "line3"})
    process = floors.connector(["M-1", "M-2", "M-3"], floor.endpoint, elsewhere)
    process.start()
    return process


def await_named(connector: Connector, node: str, bad: int = 1) -> None:
    """Wait until a node counts as bad, or (0) does not any more."""
    told = {1: "is not named", 0: "stays bad"}[bad]
    eventually(lambda: connector.figure("connector_bad_nodes", "line2", node) == bad, 10, f"{node} {told}")


# -- what arrives ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("Producing", "running"),
        ("Running", "running"),
        ("Down", "breakdown"),
        ("Faulted", "breakdown"),
        ("Stopped", "stopped"),
        ("Idle", "idle"),
    ],
)
def test_a_status_means_one_thing_whoever_says_it(
    connector: Connector, floor: Floor, ear: Ear, told: str, meant: str
) -> None:
    floor.write("M-1", CurrentStatus=told)
    await_status(ear, "M-1", meant)
    assert ear.letters() == []


def test_a_reading_carries_all_variables_the_moment_of_its_source_and_the_key_of_its_machine(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    at = datetime.now(UTC) - timedelta(seconds=7)
    floor.write(
        "M-2",
        at=at,
        CurrentStatus="Producing",
        UtilizationPercentage=85.2,
        CurrentWorkOrderId="WO-4600",
        UnitsProducedThisCycle=12,
        CycleTimeSeconds=45.3,
        DowntimeSeconds=0.0,
        LastUpdateTimestamp=at.isoformat(),
    )
    ear.until(lambda: [each for each in ear.said(about="M-2") if each.payload.current_work_order_id == "WO-4600"])
    said = ear.said(about="M-2")[-1]
    assert said.payload.status == "running"
    assert said.payload.utilization_percentage == 85.2
    assert said.payload.units_produced_this_cycle == 12
    assert said.payload.cycle_time_seconds == 45.3
    assert not said.payload.is_snapshot
    assert said.timestamp == at
    assert ear.keys("mes.machine_status", "M-2") == {f"{DEFAULT_TENANT}/M-2".encode()}
    assert said.message_id.startswith("status-M-2-")


def test_every_status_between_two_publications_is_told(connector: Connector, floor: Floor, ear: Ear) -> None:
    words = ["Running", "Faulted", "Running", "Stopped", "Idle"]
    for word in words:
        floor.write("M-1", CurrentStatus=word)
    ear.until(lambda: statuses(ear, "M-1")[-1:] == ["idle"] and len(statuses(ear, "M-1")) >= len(words))
    assert statuses(ear, "M-1") == ["running", "breakdown", "running", "stopped", "idle"]


# -- bad nodes ---------------------------------------------------------------------------------------------------------


def test_a_status_without_meaning_is_one_dead_letter_however_often_it_is_said_and_others_go_on(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    floor.write("M-1", CurrentStatus="Purring")
    ear.until(ear.letters)
    for utilization in (10.0, 20.0, 30.0):
        floor.write("M-1", UtilizationPercentage=utilization)
        floor.write("M-2", UtilizationPercentage=utilization)
        await_utilization(ear, "M-2", utilization)
    assert codes(ear.letters()) == {"UNKNOWN_STATUS": 1}
    assert ear.letters()[0]["source_address"] == "line2/MES.Machines.M-1.Status"
    assert ear.letters()[0]["original_message"]["variables"]["CurrentStatus"] == "Purring"
    floor.write("M-1", CurrentStatus="Idle")
    await_status(ear, "M-1", "idle")


@pytest.mark.parametrize(
    ("variable", "value", "good", "reason"),
    [
        ("LastUpdateTimestamp", "yesterday", "", "Invalid"),
        ("UtilizationPercentage", float("nan"), 0.0, "NaN"),
        ("UnitsProducedThisCycle", -5, 0, "Expected"),
        ("CycleTimeSeconds", ua.Variant([1.0, 2.0], ua.VariantType.Double), 0.0, "Expected"),
    ],
)
def test_a_variable_that_says_nonsense_is_named_and_left_out_and_the_status_is_still_told(
    connector: Connector, floor: Floor, ear: Ear, variable: str, value: Any, good: Any, reason: str
) -> None:
    node = f"MES.Machines.M-1.Status.{variable}"
    floor.write("M-1", **{variable: value, "CurrentStatus": "Faulted"})
    await_status(ear, "M-1", "breakdown")
    await_named(connector, node)
    assert re.search(f'"node": "{node}", "reason": "[^"]*{reason}', connector.log), connector.log[-2000:]
    floor.write("M-1", **{variable: good, "CurrentStatus": "Idle"})
    await_named(connector, node, bad=0)
    await_status(ear, "M-1", "idle")
    assert ear.letters() == []


def test_a_status_of_bad_quality_is_unknown_and_its_node_is_named_until_it_is_good(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    node = "MES.Machines.M-1.Status.CurrentStatus"
    floor.write("M-1", CurrentStatus="Running", quality=ua.StatusCodes.BadSensorFailure)
    await_status(ear, "M-1", "unknown")
    await_named(connector, node)
    assert "BadSensorFailure" in connector.log
    floor.write("M-1", CurrentStatus="Idle")
    await_status(ear, "M-1", "idle")
    await_named(connector, node, bad=0)


# asyncua's server does not await what it has to tell of nodes that are deleted.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_missing_machine_is_named_and_heard_while_it_is_there_and_its_neighbour_all_the_time(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    node = "MES.Machines.M-3.Status"
    await_named(connector, node)
    assert f"The server has no node {node}." in connector.log
    for word, meant in (("Running", "running"), ("Stopped", "stopped")):
        floor.add("M-3")
        await_named(connector, node, bad=0)
        floor.write("M-3", CurrentStatus=word)
        await_status(ear, "M-3", meant)
        floor.remove("M-3")
        await_named(connector, node)
        floor.write("M-2", CurrentStatus=word)
        await_status(ear, "M-2", meant)
    assert ear.said("mes.machine_status", "M-3")[0].payload.is_snapshot
    floor.write("M-2", CurrentStatus="Idle")
    await_status(ear, "M-2", "idle")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_machine_without_a_status_variable_is_named_and_unknown(connector: Connector, floor: Floor, ear: Ear) -> None:
    floor.add("M-3", "CurrentStatus")
    await_status(ear, "M-3", "unknown")
    await_named(connector, "MES.Machines.M-3.Status.CurrentStatus")
    floor.remove("M-3")
    await_named(connector, "MES.Machines.M-3.Status")


def test_one_server_that_is_away_is_named_and_does_not_keep_us_from_another(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    assert connector.figure("connector_line_up", "opcua-line3") == 0
    assert tries(connector, "line3")
    floor.write("M-1", CurrentStatus="Running")
    await_status(ear, "M-1", "running")
    floor.write("M-1", CurrentStatus="Idle")
    await_status(ear, "M-1", "idle")


# -- trouble -----------------------------------------------------------------------------------------------------------


def open_lines(connector: Connector, floor: Floor) -> int:
    """How many connections to the server the process holds."""
    found = psutil.Process(connector.pid).net_connections("tcp")
    return sum(1 for each in found if each.raddr and each.raddr.port == floor.port and each.status == "ESTABLISHED")


def test_after_a_server_was_away_its_machines_have_a_gap_and_a_snapshot_of_what_is_now(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    shut_at = datetime.now(UTC)
    floor.shut()
    eventually(lambda: connector.figure("connector_line_up") == 0, 10, "the loss is not noticed")
    back_at = datetime.now(UTC)
    floor.open("M-1", "M-2")
    ear.until(lambda: len(gaps(ear)) == 3)
    assert set(gaps(ear)) == {"M-1", "M-2", "M-3"}
    assert shut_at - timedelta(seconds=1) <= gaps(ear)["M-1"].from_at <= shut_at + timedelta(seconds=1)
    assert gaps(ear)["M-1"].to_at >= back_at
    assert "line2" in gaps(ear)["M-1"].reason
    await_status(ear, "M-1", "idle")
    gap, snapshot = ear.said(about="M-1")
    assert (gap.type, snapshot.payload.is_snapshot) == ("mes.connection_gap", True)
    floor.write("M-1", CurrentStatus="Producing")
    assert not await_status(ear, "M-1", "running").payload.is_snapshot
    assert open_lines(connector, floor) == 1


def test_a_server_that_freezes_is_given_up_and_heard_again_when_it_wakes(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    floor.freeze()
    eventually(lambda: connector.figure("connector_line_up") == 0, 10, "the silence is not noticed")
    floor.thaw()
    floor.write("M-1", CurrentStatus="Down")
    await_status(ear, "M-1", "breakdown")
    assert set(gaps(ear)) == {"M-1", "M-2", "M-3"}
    eventually(lambda: open_lines(connector, floor) == 1, 10, "old connections are left open")


def test_a_killed_connector_marks_the_gap_it_made_when_it_is_started_again(
    connector: Connector, floor: Floor, ear: Ear
) -> None:
    connector.kill()
    floor.write("M-1", CurrentStatus="Stopped")
    connector.start()
    assert await_status(ear, "M-1", "stopped").payload.is_snapshot
    assert set(gaps(ear)) == {"M-1", "M-2", "M-3"}
    floor.write("M-1", CurrentStatus="Idle")
    await_status(ear, "M-1", "idle")


def test_the_waits_between_two_tries_grow_to_the_cap(floors: Ground) -> None:
    connector = floors.connector(["M-1"], floors.floor().endpoint)
    connector.start(lines=0, RECONNECT_DELAYS="0.1,0.3,2,60", RECONNECT_CAP_SECONDS="0.6")
    eventually(lambda: len(tries(connector)) >= 5, 20, connector.log)
    waits = [(later - earlier).total_seconds() for earlier, later in itertools.pairwise(tries(connector)[:5])]
    for waited, told in zip(waits, [0.1, 0.3, 0.6, 0.6], strict=True):
        assert told <= waited < told + 0.25
    assert connector.stop() == 0


def test_a_server_that_is_back_is_not_waited_for_however_long_the_next_wait_is(floors: Ground) -> None:
    floor = floors.floor()
    floor.open("M-1")
    connector = floors.connector(["M-1"], floor.endpoint)
    connector.start(RECONNECT_DELAYS="3600", RECONNECT_CAP_SECONDS="3600", RECONNECT_KNOCK_SECONDS="0.2")
    floor.shut()
    eventually(lambda: tries(connector), 20, connector.log)
    await_visit(floor.port)
    floor.open("M-1")
    eventually(lambda: connector.figure("connector_line_up") == 1, 20, connector.log)
    assert connector.stop() == 0
