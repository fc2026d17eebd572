"""The inputs of OEE as they are kept in a row, and back: seconds to the microsecond, so that nothing is lost."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from streams.domain.losses import KINDS
from streams.domain.oee import Sums

UNITS = (
    "units",
    "unobserved_units",
    "unscheduled_units",
    "scrapped_units",
    "startup_scrapped_units",
    "good_units",
    "machines",
)
TIMES = ("ideal_time", "productive_time", "startup_reject_time")


def inputs_of(found: Sums) -> dict[str, Any]:
    """Every input and loss, in seconds and units; what is not known is None."""
    return {
        "seconds": {kind: found.times[kind].total_seconds() for kind in KINDS},
        "planned_seconds": found.planned_time.total_seconds(),
        **{name.replace("_time", "_seconds"): _seconds(getattr(found, name)) for name in TIMES},
        "losses": {name: _seconds(time) for name, time in found.losses.items()},
        **{name: getattr(found, name) for name in UNITS},
    }


def sums_of(inputs: Mapping[str, Any]) -> Sums:
    """The sums that a row was made of."""
    return Sums(
        times={kind: timedelta(seconds=inputs["seconds"][kind]) for kind in KINDS},
        units=inputs["units"],
        unobserved_units=inputs["unobserved_units"],
        unscheduled_units=inputs["unscheduled_units"],
        scrapped_units=inputs["scrapped_units"],
        startup_scrapped_units=inputs["startup_scrapped_units"],
        good_units=inputs["good_units"],
        ideal_time=_time(inputs["ideal_seconds"]),
        productive_time=_time(inputs["productive_seconds"]),
        startup_reject_time=_time(inputs["startup_reject_seconds"]),
        machines=inputs["machines"],
    )


def _seconds(time: timedelta | None) -> float | None:
    return None if time is None else time.total_seconds()


def _time(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
