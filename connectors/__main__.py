"""The command line of `connectors`: mes-mqtt, mes-opcua, gateway, jobs, register."""

import sys

import typer

from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=True, help="Every process with a socket to the outside.")


@app.command("mes-mqtt")
def mes_mqtt() -> None:
    """Counts, inspections and downtime from the MQTT broker."""
    from connectors.mes_mqtt import main

    sys.exit(main(Settings()))


@app.command("mes-opcua")
def mes_opcua() -> None:
    """Machine status from OPC-UA servers."""
    from connectors.mes_opcua import main

    sys.exit(main(Settings()))


@app.command()
def gateway() -> None:
    """Webhooks, queries and the operations console over HTTP."""
    from connectors.gateway.main import run

    run(Settings())


@app.command()
def jobs() -> None:
    """What runs by the clock."""
    from connectors.jobs import main

    sys.exit(main(Settings()))


@app.command()
def register() -> None:
    """Tell the log about every machine of the plant layout; telling it again changes nothing."""
    from connectors.register import register_machines

    count = register_machines(Settings())
    typer.echo(f"{count} machines registered.")


if __name__ == "__main__":
    app()
