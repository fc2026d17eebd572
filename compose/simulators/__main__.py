"""The command line of the simulators: mqtt, opcua, erp, people, planning, projects, systems."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from compose.simulators import ledger
from schemas.settings import Settings
from streams import telemetry

app = typer.Typer(no_args_is_help=True, help="A plant on a laptop.")


@app.command()
def mqtt(
    rate: Annotated[float | None, typer.Option(help="messages per second; without it SIMULATOR_RATE")] = None,
    seed: Annotated[int, typer.Option(help="the same seed says the same")] = 1,
    duration: Annotated[float | None, typer.Option(help="seconds; without it until SIGTERM")] = None,
    ledger_file: Annotated[Path | None, typer.Option("--ledger", help="what is said is written here first")] = None,
    orders: Annotated[Path | None, typer.Option(help="JSON lines: work_order_id, quantity")] = None,
) -> None:
    """Machines that publish counts, inspections and downtime for the orders of a file."""
    from compose.simulators.mqtt import run

    settings = Settings()
    telemetry.start("mqtt-sim", settings)
    folder = ledger.folder(settings)
    code = run(
        settings,
        rate=rate or settings.simulator_rate,
        seed=seed,
        duration=duration,
        ledger_path=ledger_file or folder / "mqtt.jsonl",
        orders_path=orders or folder / "orders.jsonl",
        stop=telemetry.stop_flag(),
    )
    sys.exit(code)


@app.command()
def opcua(
    seed: Annotated[int, typer.Option(help="the same seed does the same")] = 1,
    period: Annotated[float, typer.Option(help="seconds between changes")] = 1.0,
) -> None:
    """An OPC-UA server with the layout's machines, whose variables change by themselves."""
    from compose.simulators.opcua import main

    sys.exit(main(Settings(), seed=seed, period_seconds=period))


@app.command()
def erp(
    rate: Annotated[float, typer.Option(min=0.1, help="requests per minute, besides what keeps the plant busy")] = 12.0,
    seed: Annotated[int, typer.Option(help="the same seed orders the same")] = 1,
    orders: Annotated[int, typer.Option(min=0, help="open orders to begin with")] = 8,
    duration: Annotated[float | None, typer.Option(help="seconds; without it until SIGTERM")] = None,
) -> None:
    """An ERP that sends master data, stock and work orders."""
    from compose.simulators.erp import run

    settings = Settings()
    telemetry.start("erp-sim", settings)
    folder = ledger.folder(settings)
    code = run(
        settings,
        rate=rate,
        seed=seed,
        orders=orders,
        duration=duration,
        ledger_path=folder / "erp.jsonl",
        orders_path=folder / "accepted.jsonl",
        events_path=folder / "erp-orders.jsonl",
        stop=telemetry.stop_flag(),
    )
    sys.exit(code)


@app.command()
def people(
    seed: Annotated[int, typer.Option(help="the same seed decides the same")] = 1,
) -> None:
    """A supervisor who releases, assigns and starts orders, and the time clock at the gate."""
    from compose.simulators.people import run

    settings = Settings()
    telemetry.start("people-sim", settings)
    sys.exit(run(settings, seed=seed, folder=ledger.folder(settings), stop=telemetry.stop_flag()))


@app.command()
def planning(
    seed: Annotated[int, typer.Option(help="the same seed sells the same")] = 1,
) -> None:
    """Sales, and a planner who keeps a schedule."""
    from compose.simulators.planning import run

    settings = Settings()
    telemetry.start("planning-sim", settings)
    sys.exit(run(settings, seed=seed, stop=telemetry.stop_flag()))


@app.command()
def projects(
    seed: Annotated[int, typer.Option(help="the same seed starts the same")] = 1,
) -> None:
    """A project office, whose runs the PAS carries out."""
    from compose.simulators.projects import run

    settings = Settings()
    telemetry.start("projects-sim", settings)
    sys.exit(run(settings, seed=seed, stop=telemetry.stop_flag()))


@app.command()
def systems(
    strict: Annotated[bool, typer.Option(help="ids that no system knows are answered with 404")] = True,
) -> None:
    """An ERP, an HR system, a warehouse, an MES and a PAS that the plant calls, where ERP_URL points."""
    from compose.simulators.systems.server import run

    settings = Settings()
    telemetry.start("systems-sim", settings)
    sys.exit(run(settings, strict=strict))


if __name__ == "__main__":
    app()
