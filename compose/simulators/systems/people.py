"""Who works in the demo factory: people with skills, some of them expired, and a rota for every day."""

import random
from datetime import date, timedelta
from typing import Any, Final

FIRST: Final = (
    "John Maria Wei Aisha Tomasz Elena Kwame Ingrid Luis Priya Stefan Fatima Henrik Olga Diego Mei Samuel Nadia "
    "Piotr Grace Ahmed Chiara Viktor Lena"
)
LAST: Final = (
    "Doe Santos Zhang Khan Nowak Petrova Mensah Larsen Romero Nair Weber Haddad Olsen Ivanova Torres Chen Okafor "
    "Rossi Kowalski Brown Rahman Bianchi Horvat Schmidt"
)
TITLES: Final = (
    "Production Operator",
    "Production Operator",
    "Senior Operator",
    "Machine Setter",
    "Line Lead",
)
SKILLS: Final = (
    ("WELD-L3", "Welding Level 3", 3),
    ("PRESS-L2", "Press Operation Level 2", 2),
    ("ASSY-L2", "Door Assembly Level 2", 2),
    ("PAINT-L1", "Paint Robot Level 1", 1),
    ("QC-L2", "Quality Inspection Level 2", 2),
    ("FORK-L1", "Forklift Licence", 1),
    ("PACK-L1", "Packing Level 1", 1),
)
SHIFTS: Final = (
    ("Shift A", "06:00:00", "14:00:00", "09:30:00", "10:00:00"),
    ("Shift B", "14:00:00", "22:00:00", "17:30:00", "18:00:00"),
    ("Shift C", "22:00:00", "06:00:00", "01:30:00", "02:00:00"),
)
MANUFACTURING: Final = 40
FIRST_NUMBER: Final = 156


def employees(today: date) -> list[dict[str, Any]]:
    """Forty people of Manufacturing; two who have left it and three of other departments, whom nobody asks for."""
    chance = random.Random(5)
    people = [_person(chance, number, "Manufacturing", today) for number in range(MANUFACTURING + 2)]
    for gone in people[-2:]:
        gone["is_active"] = False
    others = ("Maintenance", "Quality", "Logistics")
    return people + [_person(chance, len(people) + more, name, today) for more, name in enumerate(others)]


def _person(chance: random.Random, number: int, department: str, today: date) -> dict[str, Any]:
    firsts, lasts = FIRST.split(), LAST.split()
    first = firsts[number % len(firsts)]
    last = lasts[(number + number // len(firsts)) % len(lasts)]
    hired = date(2010, 1, 1) + timedelta(days=chance.randrange(365 * 14))
    return {
        "employee_id": f"EMP-2024-{FIRST_NUMBER + number:04}",
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}@company.com".lower(),
        "phone": f"+1-555-{123 + number:04}",
        "department": department,
        "job_title": TITLES[number % len(TITLES)] if department == "Manufacturing" else f"{department} Technician",
        "hire_date": hired.isoformat(),
        "is_active": True,
        "location": f"Plant 1 - Zone {'ABC'[number % 3]}",
        "skills": [_skill(chance, skill, today) for skill in chance.sample(SKILLS, chance.randint(1, 3))],
    }


def _skill(chance: random.Random, skill: tuple[str, str, int], today: date) -> dict[str, Any]:
    """Certificates last three years; about one in eight has expired."""
    code, name, level = skill
    is_expired = chance.randrange(8) == 0
    expiry = today + timedelta(days=-chance.randint(10, 300) if is_expired else chance.randint(20, 900))
    return {
        "skill_code": code,
        "skill_name": name,
        "proficiency_level": level,
        "certification_date": (expiry - timedelta(days=3 * 365)).isoformat(),
        "certification_expiry": expiry.isoformat(),
    }


def shift(number: int, employee_id: str, day: date) -> dict[str, Any] | None:
    """Somebody's shift of a day: a week early, a week late, a week at night; two days of seven off."""
    week, weekday = divmod(day.toordinal(), 7)
    if (weekday + number) % 7 >= 5:
        return None
    name, start, end, break_start, break_end = SHIFTS[(number + week) % len(SHIFTS)]
    return {
        "employee_id": employee_id,
        "shift_date": day.isoformat(),
        "shift_name": name,
        "start_time": start,
        "end_time": end,
        "break_start": break_start,
        "break_end": break_end,
        "is_overtime": (number + weekday) % 11 == 0,
    }
