"""The time clock at the gate: everybody whose shift runs comes once, and the clock says some of it twice."""

from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from compose.simulators.time_clock import TimeClock
from schemas.settings import Settings
from tests.rehearse.ledger import Saying
from tests.rehearse.stimuli.web import Request, Voice

PATH: Final = "/api/v1/integrations/hr/attendance"
OPERATORS: Final = "/api/v1/operators"
EMPLOYEES: Final = "/api/v1/jobs/hr_employees/run"


class Attendance:
    """A turn: the next one comes, if the plant knows its people; until it does it is told to ask the HR system."""

    def __init__(self, gate: Voice, person: Voice) -> None:
        self._gate, self._person = gate, person
        self._clock = TimeClock(ZoneInfo(Settings().plant_timezone))
        self._is_asked = False

    def turn(self) -> None:
        """Let somebody in."""
        if not self._is_asked:
            saying = Saying("job-hr_employees", "attendance", "job", "hr_employees", b"{}", {})
            self._is_asked = self._person.ask(Request(saying, EMPLOYEES)).is_ok
        page = self._person.get(OPERATORS, limit=200) or {}
        known = {each["employee_id"] for each in page.get("operators", [])}
        for arrival in self._clock.next(datetime.now(UTC), known):
            name = arrival.entry.id
            self._gate.ask(Request(Saying(name, "attendance", "clock_in", name, arrival.body, {}), PATH, arrival.key))
