"""What a server remembers of an outage is read back, and what it does not remember stays a marked gap."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

import pytest

from compose.simulators.opcua import VARIABLES
from connectors.register import registration
from schemas.messages.machines import ConnectionGap
from schemas.settings import MachineLayout
from tests.integration.bridges import DEAD_LETTERS, INBOX, Connector, Ear
from tests.integration.events import publish
from tests.integration.floors import Floor, Ground
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

# So many that reading them back can be broken off.
CHANGES = 1_200
HISTORY = "SELECT status, from_at, to_at, reason, recovery FROM machine_status_history WHERE machine_id = %s "


@pytest.fixture
def ear(plant: RunningPlant) -> Iterator[Ear]:
    listening = Ear(plant.settings(), INBOX, DEAD_LETTERS)
    yield listening
    listening.close()


@pytest.fixture
def ground(plant: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    place = Ground(plant, tmp_path_factory.mktemp("ground"))
    yield place
    place.clear()


@pytest.fixture
def machine(plant: RunningPlant) -> str:
    """A machine that the plant knows."""
    machine_id = f"M-{uuid4().hex[:8]}"
    layout = MachineLayout(machine_id=machine_id, machine_name="A machine", line="line2")
    publish(plant.settings(), [registration(plant.endpoints["TENANT_ID"], layout, datetime.now(UTC))])
    return machine_id


def listening(ground: Ground, floor: Floor, ear: Ear, *machine_ids: str) -> tuple[Connector, Any]:
    """A connector that hears the floor through a wire, and the wire; all machines have been heard."""
    wire = floor.wire()
    connector = ground.connector(list(machine_ids), floor.endpoint.model_copy(update={"url": wire.url}))
    connector.start()
    for machine_id in machine_ids:
        ear.until(partial(ear.said, "mes.machine_status", machine_id))
    return connector, wire


def lose(floor: Floor, connector: Connector, wire: Any) -> None:
    """Cut the wire, and wait until the loss is noticed."""
    floor.cut(wire)
    eventually(lambda: connector.figure("connector_line_up") == 0, 20, "the loss is not noticed")


def tell(floor: Floor, machine_id: str, *statuses: str) -> dict[str, datetime]:
    """Let a machine change its status, a millisecond apart; when it had which."""
    began = datetime.now(UTC)
    told = {}
    for number, status in enumerate(statuses):
        told[status] = began + number * timedelta(milliseconds=1)
        floor.write(machine_id, at=told[status], CurrentStatus=status)
    return told


def gap(ear: Ear, machine_id: str) -> ConnectionGap:
    """The gap that is marked of a machine."""
    marked: ConnectionGap = ear.until(lambda: ear.said("mes.connection_gap", machine_id))[-1].payload
    return marked


def history(plant: RunningPlant, machine_id: str, status: str) -> Any:
    """The latest row of that status, as soon as there is one."""
    return plant.await_rows(f"{HISTORY} AND status = %s ORDER BY from_at DESC", machine_id, status)[0]


def gaps(plant: RunningPlant, machine_id: str, after: str) -> Any:
    """The rows of gaps, once the status after them is there."""
    history(plant, machine_id, after)
    return plant.await_rows(
        "SELECT coalesce(array_agg(array[from_at, to_at]), '{}') FROM machine_status_history "
        "WHERE machine_id = %s AND status = 'gap'",
        machine_id,
    )[0][0]


def test_what_changed_while_the_line_was_cut_is_read_back_at_its_own_times(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: VARIABLES})
    connector, wire = listening(ground, floor, ear, machine)
    lose(floor, connector, wire)
    told = tell(floor, machine, "Running", "Faulted", "Stopped")
    floor.mend(wire)
    for said, meant in (("Running", "running"), ("Faulted", "breakdown"), ("Stopped", "stopped")):
        assert history(plant, machine, meant)[1] == told[said]
    marked = gap(ear, machine)
    assert (marked.recovery, marked.unrecovered) == ("full", ())
    assert marked.recovered_readings >= 3
    assert "Its history told" in marked.reason
    assert gaps(plant, machine, "stopped") == []
    assert all(each.late for each in ear.said("mes.machine_status", machine) if each.payload.is_historical)
    assert ear.letters() == []


def test_what_changed_while_our_process_was_dead_is_read_back(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: VARIABLES})
    connector, _ = listening(ground, floor, ear, machine)
    connector.kill()
    told = tell(floor, machine, "Running", "Stopped")
    connector.start()
    assert history(plant, machine, "running")[1] == told["Running"]
    assert history(plant, machine, "stopped")[1] == told["Stopped"]
    assert gap(ear, machine).recovery == "full"
    assert gaps(plant, machine, "stopped") == []


def test_a_server_without_a_history_leaves_a_marked_gap(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine)
    connector, wire = listening(ground, floor, ear, machine)
    lose(floor, connector, wire)
    tell(floor, machine, "Running", "Stopped")
    floor.mend(wire)
    marked = gap(ear, machine)
    assert (marked.recovery, marked.recovered_readings) == ("none", 0)
    assert "It keeps no history of the status" in marked.reason
    assert gaps(plant, machine, "stopped") == [[marked.from_at, marked.to_at]]
    assert plant.await_rows(f"{HISTORY} AND status = 'gap'", machine)[0][4] == "none"


def test_of_two_machines_only_the_one_without_a_history_has_a_gap(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    old = f"{machine}-old"
    layout = MachineLayout(machine_id=old, machine_name="An old machine", line="line2")
    publish(plant.settings(), [registration(plant.endpoints["TENANT_ID"], layout, datetime.now(UTC))])
    floor = ground.floor()
    floor.open(machine, old, remembers={machine: VARIABLES})
    connector, wire = listening(ground, floor, ear, machine, old)
    lose(floor, connector, wire)
    tell(floor, machine, "Running", "Stopped")
    tell(floor, old, "Running", "Stopped")
    floor.mend(wire)
    assert gaps(plant, machine, "stopped") == []
    assert len(gaps(plant, old, "stopped")) == 1


def test_a_history_that_begins_in_the_gap_leaves_the_rest_of_it_marked(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: VARIABLES})
    connector, wire = listening(ground, floor, ear, machine)
    lose(floor, connector, wire)
    floor.shut()
    begins_at = datetime.now(UTC)
    floor.open(machine, remembers={machine: VARIABLES})
    told = tell(floor, machine, "Running", "Stopped")
    floor.mend(wire)
    assert history(plant, machine, "running")[1] == told["Running"]
    marked = gap(ear, machine)
    assert marked.recovery == "partial"
    assert "but nothing of the status from" in marked.reason
    [(from_at, to_at)] = gaps(plant, machine, "stopped")
    assert from_at == marked.from_at
    assert begins_at <= to_at <= told["Running"]


def test_figures_without_a_history_are_named_and_the_status_is_no_gap(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: ["CurrentStatus", "CycleTimeSeconds"]})
    connector, wire = listening(ground, floor, ear, machine)
    lose(floor, connector, wire)
    told = tell(floor, machine, "Running", "Stopped")
    floor.mend(wire)
    assert history(plant, machine, "running")[1] == told["Running"]
    marked = gap(ear, machine)
    assert (marked.recovery, marked.unrecovered) == ("partial", ())
    assert "nothing of" in marked.reason
    assert "UtilizationPercentage" in marked.reason
    assert gaps(plant, machine, "stopped") == []


def test_a_process_killed_while_it_reads_back_reads_again_and_doubles_nothing(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: VARIABLES})
    connector, _ = listening(ground, floor, ear, machine)
    connector.kill()
    began = datetime.now(UTC) - timedelta(milliseconds=1)
    for number in range(CHANGES):
        floor.write(machine, CurrentStatus=("Running", "Idle", "Stopped")[number % 3], CycleTimeSeconds=float(number))
    ended = datetime.now(UTC)
    for _ in range(2):
        connector.start(lines=0)
        ear.until(lambda: ear.said("mes.machine_status", machine) or ear.said("mes.connection_gap", machine))
        connector.kill()
        ear.records.clear()
    connector.start()
    assert gap(ear, machine).recovery == "full"
    floor.write(machine, CurrentStatus="Faulted")
    history(plant, machine, "breakdown")
    rows = plant.await_rows(f"{HISTORY} AND from_at BETWEEN %s AND %s ORDER BY from_at", machine, began, ended)
    statuses = [row[0] for row in rows]
    assert statuses == [("running", "idle", "stopped")[number % 3] for number in range(CHANGES)]
    assert len({row[1] for row in rows}) == CHANGES


def test_history_is_not_read_where_the_plant_does_not_want_it(
    plant: RunningPlant, ground: Ground, ear: Ear, machine: str
) -> None:
    floor = ground.floor()
    floor.open(machine, remembers={machine: VARIABLES})
    connector, _ = listening(ground, floor, ear, machine)
    connector.kill()
    tell(floor, machine, "Running", "Stopped")
    connector.start(OPCUA_HISTORY_VALUES="0")
    assert gap(ear, machine).recovery == "none"
    assert not [each for each in ear.said("mes.machine_status", machine) if each.payload.is_historical]
