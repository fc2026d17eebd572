"""The command line of `sql`: migrate and check."""

from pathlib import Path

import typer
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, help="What Postgres knows.")


def migrate_to(url: str, revision: str) -> None:
    """Bring the tables to a revision: 'head', 'base' or a number. On SQLite those are the tables of document 003."""
    config = Config()
    folder = "migrations_sqlite" if url.startswith("sqlite:") else "migrations"
    config.set_main_option("script_location", str(Path(__file__).parent / folder))
    database = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
    try:
        with database.begin() as connection:
            config.attributes["connection"] = connection
            (command.downgrade if revision == "base" else command.upgrade)(config, revision)
    finally:
        database.dispose()


@app.command()
def migrate(down: bool = typer.Option(False, help="drop everything instead")) -> None:
    """Bring the tables up to date (as OWNER_DATABASE_URL)."""
    settings = Settings()
    if settings.owner_database_url is None:
        typer.echo("OWNER_DATABASE_URL is not set: only the owner of the tables may migrate.", err=True)
        raise typer.Exit(1)
    migrate_to(settings.owner_database_url, "base" if down else "head")
    typer.echo("The tables are gone." if down else "The tables are up to date.")


@app.command()
def check() -> None:
    """Check row-level security, comments and rights of all tables, verify those of planning, say what is missing."""
    from sql.check import findings
    from sql.verify import CATALOGUE, verify

    settings = Settings()
    owner_url = settings.owner_database_url or settings.database_url
    checked = verify(owner_url, settings.database_url)
    for number, each in enumerate(checked, 1):
        count = len(CATALOGUE) + 1
        typer.echo(f"[{number}/{count}] {each}" if number <= count else f"[negative] {each}")
    failed = sum(not each.is_passed for each in checked)
    typer.echo(f"Summary: {len(checked) - failed} passed, {failed} failed, 0 warnings")
    found = findings(owner_url)
    for finding in found:
        typer.echo(finding, err=True)
    typer.echo(f"{len(found)} findings.")
    raise typer.Exit(1 if found or failed else 0)


if __name__ == "__main__":
    app()
