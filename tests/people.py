"""What the HR system says of two employees, in one line each."""

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.operators import Clocked, EmployeeGone, EmployeeUpserted, ShiftScheduled, Skill
from tests.messages import NOON, at, message

DAY = NOON.date()


def employed(
    employee: str = "EMP-1", seconds: float = -3600, skills: tuple[str, ...] = (), **fields: Any
) -> Message[Any]:
    """Master data, with the codes of the skills."""
    told = EmployeeUpserted(
        employee_id=employee,
        first_name="John",
        last_name="Doe",
        skills=tuple(Skill(skill_code=code, certification_expiry=DAY + timedelta(days=30)) for code in skills),
        **fields,
    )
    return message("hr.employee_upserted", told, seconds)


def gone(employee: str = "EMP-1", seconds: float = 0) -> Message[Any]:
    """The HR system names them no more."""
    return message("hr.employee_gone", EmployeeGone(employee_id=employee), seconds)


def planned(
    employee: str = "EMP-1", name: str = "Shift A", begin: float = 0, seconds: float = -1800, **fields: Any
) -> Message[Any]:
    """A shift of 200 s that begins some seconds after noon."""
    told = ShiftScheduled(
        employee_id=employee,
        shift_date=DAY,
        shift_name=name,
        scheduled_start=at(begin),
        scheduled_end=at(begin + 200),
        **fields,
    )
    return message("hr.shift_scheduled", told, seconds)


def clocked(employee: str = "EMP-1", event: Any = "clock_in", seconds: float = 0, shift: str = "") -> Message[Any]:
    """Somebody comes or goes; perhaps they name the shift."""
    told = Clocked(
        employee_id=employee,
        event_type=event,
        work_date=DAY,
        shift_id=f"SH-{DAY:%Y%m%d}-{shift}" if shift else None,
    )
    return message("hr.clocked", told, seconds)


EMPLOYEES, SECONDS = st.sampled_from(["EMP-1", "EMP-2"]), st.integers(0, 600)
SHIFTS = st.sampled_from(["", "A", "B"])
SAID_OF_PEOPLE = st.one_of(
    st.builds(
        lambda employee, seconds, skills, title: employed(employee, seconds, tuple(sorted(skills)), job_title=title),
        EMPLOYEES,
        SECONDS,
        st.sets(st.sampled_from(["WELD-L3", "CNC", "FORKLIFT"])),
        st.sampled_from(["Welder", None]),
    ),
    st.builds(gone, EMPLOYEES, SECONDS),
    st.builds(
        lambda employee, name, begin, seconds, is_cancelled: planned(
            employee, name, begin, seconds, is_cancelled=is_cancelled
        ),
        EMPLOYEES,
        st.sampled_from(["Shift A", "Shift B"]),
        SECONDS,
        SECONDS,
        st.booleans(),
    ),
    st.builds(
        clocked, EMPLOYEES, st.sampled_from(["clock_in", "break_start", "break_end", "clock_out"]), SECONDS, SHIFTS
    ),
)
PEOPLE_HISTORIES = st.lists(SAID_OF_PEOPLE, max_size=40).map(lambda said: [employed(), *said])
