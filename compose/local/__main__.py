"""The command line: `python -m compose.local up|demo|down|status|wipe|topics|run`."""

import os
import sys
import time
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from compose.local import containers, processes
from compose.local.errors import PlantError
from compose.local.folder import Folder, run_directory
from compose.local.plant import LocalPlant, Status

app = typer.Typer(no_args_is_help=True, help="The plant on this machine. RUN_DIR says where it lives (.run).")
# Where nobody says how wide a line may be, in a file or a pipe, tables are as wide as our code.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
SHOWN = ("GATEWAY_URL", "KAFKA_BOOTSTRAP", "MQTT_URL", "OPCUA_URL")


def progress() -> Callable[[str], None]:
    """A reporter that prints each step with the seconds since the start."""
    started = time.monotonic()

    def report(step: str) -> None:
        console.print(f"  [dim]{time.monotonic() - started:5.1f} s[/]  {step}", soft_wrap=True)

    return report


@app.command()
def up(
    workers: Annotated[int, typer.Option(envvar="WORKERS", min=1, max=16, help="Faust workers")] = 1,
    brokers: Annotated[int | None, typer.Option(envvar="BROKERS", help="Kafka brokers: 1 or 3")] = None,
    infra_only: Annotated[bool, typer.Option("--infra-only", help="Kafka, PostgreSQL and MQTT only")] = False,
    simulators: Annotated[bool, typer.Option("--simulators", help="with simulated traffic")] = False,
) -> None:
    """Start the plant in the background and return when it is ready."""
    check_brokers(brokers)
    if containers.choice(os.environ) == "compose":
        contained = containers.ComposePlant(Folder(run_directory()), workers, brokers)
        contained.up()
        show(contained.folder, contained.endpoints())
        return
    plant = LocalPlant(workers=workers, brokers=brokers, simulators=simulators, report=progress())
    plant.up(infra_only=infra_only)
    show(plant.folder, plant.endpoints())


def check_brokers(brokers: int | None) -> int | None:
    """The number of brokers, if it is one that can vote. Raises PlantError."""
    if brokers not in (None, 1, 3):
        raise PlantError("BROKERS is 1 or 3: two brokers cannot outvote each other.")
    return brokers


def show(folder: Folder, found: dict[str, str]) -> None:
    """Say where the plant is reached."""
    console.print(f"The plant is up. All its addresses and passwords: {folder.endpoints}", soft_wrap=True)
    for name in SHOWN:
        console.print(f"  {name:16} {found[name]}", soft_wrap=True)


@app.command()
def demo(
    duration: Annotated[float | None, typer.Option(envvar="DURATION", min=1, help="seconds; else until Ctrl-C")] = None,
    workers: Annotated[int, typer.Option(envvar="WORKERS", min=1, max=16, help="Faust workers")] = 1,
    brokers: Annotated[int | None, typer.Option(envvar="BROKERS", help="Kafka brokers: 1 or 3")] = None,
) -> None:
    """The whole plant with simulators and a live view; then an account of every message."""
    from compose.demo.run import Demo

    if containers.choice(os.environ) == "compose":
        raise PlantError("The demo settles its ledgers beside local processes; run `make demo` without PLANT=compose.")
    sys.exit(Demo(console, duration, workers, check_brokers(brokers)).run())


@app.command()
def down() -> None:
    """Stop everything; the data stay."""
    chosen().down()
    console.print("The plant is down; nothing of it runs.")


@app.command()
def wipe() -> None:
    """Stop everything and delete the data."""
    plant = chosen()
    plant.wipe()
    console.print(f"The plant is down and its data in {plant.folder.path} are deleted.", soft_wrap=True)


@app.command()
def status() -> None:
    """Show every process."""
    plant = chosen()
    if isinstance(plant, containers.ComposePlant):
        plant.status()
    elif found := plant.status():
        console.print(table(found))
    else:
        console.print(f"The plant in {plant.folder.path} is down.", soft_wrap=True)


@app.command()
def topics() -> None:
    """Create the topics that are missing in a running plant."""
    run(["streams", "topics"])


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    arguments: Annotated[list[str], typer.Argument(help="a module and its arguments, as after `python -m`")],
) -> None:
    """Run one of our commands with the settings of the running plant."""
    environment = {**os.environ, **chosen().endpoints()}
    command = processes.python(tuple(arguments))
    sys.stdout.flush()
    os.execvpe(command[0], command, environment)


def chosen() -> LocalPlant | containers.ComposePlant:
    """The plant of RUN_DIR, local or in containers as PLANT says."""
    if containers.choice(os.environ) == "compose":
        return containers.ComposePlant(Folder(run_directory()))
    return LocalPlant(report=progress())


def table(found: list[Status]) -> Table:
    """The processes as a table."""
    shown = Table("process", "state", "pid", "up for", "memory", "log", box=None, pad_edge=False)
    for one in found:
        memory = f"{one.memory_mb} MB" if one.pid else ""
        uptime = f"{one.uptime_seconds} s" if one.pid else ""
        shown.add_row(one.name, one.state, str(one.pid or ""), uptime, memory, str(one.log))
    return shown


def main() -> None:
    """Run the command line; what goes wrong is a sentence, not a traceback."""
    try:
        app()
    except PlantError as error:
        Console(stderr=True, highlight=False).print(str(error), style="red", markup=False, soft_wrap=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    main()
