"""Every process of the plant on one page: its name, its command, how it is asked to stop."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

INFRASTRUCTURE = ("kafka", "postgres", "mqtt")

# name -> arguments of `python -m`; compose/compose.yaml runs the same.
COMMANDS: dict[str, tuple[str, ...]] = {
    "opcua-sim": ("compose.simulators", "opcua"),
    "mes-mqtt": ("connectors", "mes-mqtt"),
    "mes-opcua": ("connectors", "mes-opcua"),
    "gateway": ("connectors", "gateway"),
    "jobs": ("connectors", "jobs"),
    "agents": ("streams", "agents"),
    "projector": ("streams", "projector"),
    "planner": ("streams", "planner"),
}
# Needs nothing of the others and takes its time: it is started while topics and tables are made.
OPCUA_SERVER = "opcua-sim"
# What runs once before them: users and rights of Kafka (here by `endpoints.grant`), topics, tables, machines.
ACCESS = ("connectors", "access")
TOPICS = ("streams", "topics")
MIGRATE = ("sql", "migrate")
REGISTER = ("connectors", "register")
# The systems that the plant calls: they stand before it does, only where somebody asks for simulators.
SYSTEMS = "systems-sim"
# And traffic, when all the others are ready.
SIMULATORS: dict[str, tuple[str, ...]] = {
    SYSTEMS: ("compose.simulators", "systems"),
    "people-sim": ("compose.simulators", "people"),
    "mqtt-sim": ("compose.simulators", "mqtt"),
    "erp-sim": ("compose.simulators", "erp"),
    "planning-sim": ("compose.simulators", "planning"),
    "projects-sim": ("compose.simulators", "projects"),
}


@dataclass(frozen=True)
class Process:
    """A process as the runner starts it."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    env_files: tuple[Path, ...] = ()
    hidden: tuple[str, ...] = ()
    stop_signal: str = "TERM"
    stop_seconds: int = 15


def workers(count: int) -> dict[str, tuple[str, ...]]:
    """The second and further workers: `agents-2` and so on."""
    return {f"agents-{number}": COMMANDS["agents"] for number in range(2, count + 1)}


def commands(worker_count: int, simulators: bool) -> dict[str, tuple[str, ...]]:
    """Our processes by name, in the order they are started."""
    return {**COMMANDS, **workers(worker_count), **(SIMULATORS if simulators else {})}


def python(arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The command that runs one of our modules with the interpreter that runs us."""
    return (sys.executable, "-m", *arguments)
