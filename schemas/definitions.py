"""What figures mean, in the words that the API, the console and the tables' comments share."""

from typing import Final

OEE: Final = (
    "OEE (overall equipment effectiveness, ISO 22400-2) = availability x performance x quality = fully productive "
    "time / planned time. Planned time is when the calendar of the work centre has the machine open, somebody saw it, "
    "it had work, and it was not stopped by plan: breaks, maintenance, unknown time and idle time without an order are "
    "none. Availability = run time / planned time. Performance = ideal cycle time x units / run time; it is kept as "
    "computed and flagged where it is above 1. Quality = good units / units. Units read while nobody saw the machine, "
    "or while the calendar has it closed, count for quality alone. A line is computed from the sums of its machines' "
    "times, never from the mean of their shares; a unit weighs its ideal cycle time there. What cannot be said is "
    "absent and never 0: no planned time, no run time, no ideal cycle time, no units."
)
OEE_LOSSES: Final[dict[str, tuple[str, str]]] = {
    "breakdowns": (
        "Breakdowns",
        "Stops for a fault, and those without a known reason that are too long to be minor stops.",
    ),
    "setup_and_adjustments": (
        "Setup and adjustments",
        "Stops whose reason is a setup, a tool change or an adjustment.",
    ),
    "idling_and_minor_stops": (
        "Idling and minor stops",
        "Idle with an order, short stops without a known reason, and waiting for material or an operator.",
    ),
    "reduced_speed": (
        "Reduced speed",
        "Run time less the ideal time of the units; less than nothing where it was faster than its ideal.",
    ),
    "process_defects": ("Process defects", "Ideal time that went into scrap."),
    "startup_rejects": (
        "Startup rejects",
        "Ideal time that went into scrap while it was starting up after a stop that was no minor one.",
    ),
}
"""The six big losses (Nakajima): their names, and what counts as each."""
OEE_TOGETHER: Final = (
    "The first three losses lower availability, the fourth performance, the last two quality; together they are "
    "exactly planned time less fully productive time. A moment is lost once: of stops that overlap, the first counts "
    "until it ends. ISO 22400-2 has run time only while the machine runs; who counts idling and minor stops under "
    "performance moves that loss from one factor to the other, and has the same OEE."
)
