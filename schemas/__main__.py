"""The command line of `schemas`: write the generated documents, or check that they are current."""

import typer

from schemas.publish import documents

app = typer.Typer(no_args_is_help=True, help="What two processes must agree on.")


@app.command()
def publish() -> None:
    """Write the JSON Schemas, the AsyncAPI document, the table of settings and .env.example."""
    for path, content in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    typer.echo(f"{len(documents())} files written.")


@app.command()
def check() -> None:
    """Fail if a generated file is not what the code says."""
    stale = [path for path, content in documents().items() if not path.exists() or path.read_text() != content]
    for path in stale:
        typer.echo(f"{path} is out of date; run `make docs`.", err=True)
    if stale:
        raise typer.Exit(1)
    typer.echo(f"{len(documents())} generated files are current.")


if __name__ == "__main__":
    app()
