"""A line of two machines, what they say in a shift, and OEE that is computed when somebody asks for it."""

from datetime import datetime, timedelta
from typing import Any

from connectors import oee_calculations
from schemas.messages.machines import (
    DowntimeEnded,
    DowntimeStarted,
    MachineRegistered,
    MachineStatus,
    ProductionCount,
)
from schemas.settings import MachineLayout, PlantLayout, Settings
from tests.messages import NOON
from tests.yards import Row, Yard

PRESS, WELDER = "M-PRESS", "M-WELDER"
CALENDAR = {
    "zone": "UTC",
    "shifts": [
        {
            "name": "Noon",
            "weekdays": [1, 2, 3, 4, 5, 6, 7],
            "begins": "12:00:00",
            "ends": "14:00:00",
            "breaks": [{"begins": "13:00:00", "minutes": 15}],
        },
        {"name": "Night", "weekdays": [1, 2, 3, 4, 5, 6, 7], "begins": "22:00:00", "ends": "06:00:00"},
    ],
}
SETTLED = 2 * 60 + 15


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Line:
    """Two machines of a line that begin at noon, and OEE that is computed when somebody asks for it."""

    def __init__(self, yard: Yard) -> None:
        self.yard, self.rows = yard, yard.rows
        layout = PlantLayout(
            machines=[
                MachineLayout(machine_id=PRESS, machine_name="Press", line="line1", ideal_cycle_time_seconds=30),
                MachineLayout(machine_id=WELDER, machine_name="Welder", line="line1", ideal_cycle_time_seconds=60),
            ],
            calendar=CALENDAR,
        )
        self.settings: Settings = yard.settings.model_copy()
        self.settings.__dict__["layout"] = layout
        self._totals = {PRESS: 0, WELDER: 0}
        for machine, order in ((PRESS, "WO-PRESS"), (WELDER, "WO-WELDER")):
            yard.order(order, {}, quantity=10_000)
            self.say(-5, "machine.register", MachineRegistered(machine_id=machine, machine_name=machine, line="line1"))
            self.status(machine, 0, "running")

    def say(self, minutes: float, type_name: str, payload: Any) -> None:
        self.yard.now = at(minutes) - timedelta(seconds=1)
        self.yard.tell(type_name, payload, message_id=f"{type_name}-{minutes}-{len(self.yard.said)}")

    def status(self, machine: str, minutes: float, told: Any) -> None:
        self.say(minutes, "mes.machine_status", MachineStatus(machine_id=machine, status=told))

    def count(self, machine: str, minutes: float, units: int, *, is_scrap: bool = False) -> None:
        self._totals[machine] += units
        told = ProductionCount(
            machine_id=machine,
            work_order_id=f"WO-{machine[2:]}",
            units_produced=units,
            cumulative_units=self._totals[machine],
            quality_status="fail" if is_scrap else "pass",
        )
        self.say(minutes, "mes.production_count", told)

    def shift(self) -> None:
        """Both run from noon to two; the press breaks down for 20 minutes, some of what it makes is scrap."""
        self.count(PRESS, 1, 2)
        self.count(WELDER, 1, 1)
        self.count(PRESS, 30, 58)
        told = DowntimeStarted(machine_id=PRESS, downtime_reason_code="MECH_FAULT")
        self.say(30, "mes.downtime_started", told)
        self.say(50, "mes.downtime_ended", DowntimeEnded(machine_id=PRESS))
        self.status(PRESS, 50, "running")
        self.count(PRESS, 55, 10, is_scrap=True)
        self.count(PRESS, 110, 80)
        self.count(WELDER, 110, 89)
        for machine in (PRESS, WELDER):
            self.status(machine, 125, "idle")

    def compute(self, minutes: float) -> str:
        """A run for a moment; what it said."""
        note = oee_calculations.due(self.rows, at(minutes), self.settings).note
        assert note is not None
        return note

    def all(self) -> list[Row]:
        self.rows.execute("SELECT * FROM oee_calculations ORDER BY level, subject_id, bucket, from_at")
        return self.rows.fetchall()

    def one(self, subject: str, bucket: str = "shift") -> Row:
        """The row of the noon shift, or of its day."""
        (found,) = [each for each in self.all() if (each["subject_id"], each["bucket"]) == (subject, bucket)]
        return found
