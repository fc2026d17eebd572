"""The command line of `connectors`: mes-mqtt, mes-opcua, gateway, jobs, register."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from connectors import failures_cli, lines_cli
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


@app.command("access")
def give_access() -> None:
    """Give Kafka's users their passwords (KAFKA_USER_PASSWORDS) and their rights, and no others."""
    import json

    from confluent_kafka.admin import AdminClient

    from connectors.access import USERS, grant

    settings = Settings()
    passwords = json.loads(settings.kafka_user_passwords)
    grant(AdminClient(settings.kafka()), passwords)
    typer.echo(f"{len(USERS)} users have their rights, {len(passwords)} of them a new password.")


@app.command()
def token(
    role: Annotated[str, typer.Option(help="viewer, operator, planner, integration_admin or admin")],
    name: Annotated[str, typer.Option(help="who will be named as the one who did it")],
    hours: Annotated[float, typer.Option(min=0.01, max=24 * 31, help="how long it is good for")] = 8,
) -> None:
    """Print a person's token of the built-in issuer: for the sign-in form, the API and demos."""
    from connectors.gateway.auth import Tokens
    from connectors.gateway.roles import ROLES

    settings = Settings()
    if role not in ROLES:
        typer.echo(f"There is no role {role}; there are {', '.join(ROLES)}.", err=True)
        raise typer.Exit(2)
    if settings.oauth_signing_key is None:
        typer.echo("OAUTH_SIGNING_KEY names no key, so no gateway would know the token.", err=True)
        raise typer.Exit(1)
    typer.echo(Tokens(settings).issue(name, ROLES[role], int(hours * 3600)))


app.add_typer(failures_cli.app, name="failures")

credentials = typer.Typer(no_args_is_help=True, help="Secrets for other systems, sealed in the database.")
app.add_typer(credentials, name="credentials")


@credentials.command("set")
def credentials_set(name: Annotated[str, typer.Argument(help="integration_client_secret, mes_password, ...")]) -> None:
    """Seal a secret that is read from standard input; from the next call on it is used."""
    from connectors.credentials import store

    value = sys.stdin.read().strip()
    if not value:
        typer.echo("Nothing came on standard input; the secret stays as it was.", err=True)
        raise typer.Exit(1)
    with _rows() as (settings, rows):
        store(settings, rows, name, value)
    typer.echo(f"{name} is sealed and in use.")


@credentials.command("list")
def credentials_list() -> None:
    """What is stored, and for how long it has been the same."""
    from connectors.credentials import ages

    with _rows() as (settings, rows):
        for name, days in ages(settings, rows, datetime.now(UTC)).items():
            typer.echo(
                f"{name:28} {days:6.1f} days{'  to be rotated' if days > settings.credential_max_age_days else ''}"
            )


@credentials.command("forget")
def credentials_forget(name: str) -> None:
    """Delete a stored secret: the file or the environment counts again."""
    from connectors.credentials import forget

    with _rows() as (_, rows):
        was_there = forget(rows, name)
    typer.echo(f"{name} is deleted." if was_there else f"{name} was not stored.")


@credentials.command("new-key")
def credentials_new_key() -> None:
    """Print a line with a new random key; put it first in CREDENTIALS_KEY_FILE, then `seal-again`."""
    from connectors.credentials import new_key_line

    typer.echo(new_key_line())


@credentials.command("seal-again")
def credentials_seal_again() -> None:
    """Seal with the first key of the file what older keys sealed; then these may be deleted."""
    from connectors.credentials import seal_again

    with _rows() as (settings, rows):
        count = seal_again(settings, rows)
    typer.echo(f"{count} sealed again.")


@contextmanager
def _rows() -> "Iterator[tuple[Settings, Any]]":
    """A transaction of the plant's tenant; what goes wrong is one sentence."""
    import psycopg

    from connectors.credentials import Unsealable
    from sql.database import rows_of

    settings = Settings()
    try:
        with rows_of(settings.database_url, settings.tenant_id) as rows:
            yield settings, rows
    except (Unsealable, ValueError, psycopg.OperationalError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


app.add_typer(lines_cli.commands(_rows), name="lines")


if __name__ == "__main__":
    app()
