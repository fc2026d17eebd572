"""`python -m connectors lines`: which lines stand, and let one go on."""

import getpass
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

import typer

from schemas.settings import Settings

# What knows the lines knows Kafka, too: it is imported when somebody asks for them.
Transaction = Callable[[], AbstractContextManager[tuple[Settings, Any]]]


def commands(transaction: Transaction) -> typer.Typer:
    """The commands, over transactions of the plant's tenant."""
    app = typer.Typer(help="Lines that stand because most of what they deliver fails with one cause.")

    @app.callback(invoke_without_command=True)
    def show(context: typer.Context, as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
        """Show every line, those that stand first."""
        if context.invoked_subcommand is not None:
            return
        from connectors.lines import overview

        with transaction() as (_, rows):
            found = overview(rows)
        typer.echo(json.dumps({"lines": found}, default=str) if as_json else "\n".join(map(_sentence, found)))

    @app.command()
    def resume(
        line: Annotated[str, typer.Argument(autocompletion=lambda incomplete: _beginning(incomplete))],
        reason: Annotated[str | None, typer.Option(help="why it may go on")] = None,
        as_json: Annotated[bool, typer.Option("--json")] = False,
    ) -> None:
        """Let a line that stands go on."""
        from connectors.lines import LINES, shown_line
        from sql import line_stops

        if line not in LINES:
            typer.echo(f"No line is called {line}; there are {', '.join(LINES)}.", err=True)
            raise typer.Exit(2)
        with transaction() as (_, rows):
            stop = line_stops.resume(rows, line, f"{getpass.getuser()} (shell)", reason)
        if stop is None:
            typer.echo(f"{line} runs; there is nothing to resume.", err=True)
            raise typer.Exit(1)
        typer.echo(json.dumps(shown_line(line, stop), default=str) if as_json else f"{line} goes on.")

    return app


def _beginning(incomplete: str) -> list[str]:
    from connectors.lines import LINES

    return [line for line in LINES if line.startswith(incomplete)]


def _sentence(line: dict[str, Any]) -> str:
    if line["status"] == "running":
        return f"{line['line']:24} runs"
    since = f"{line['since']:%Y-%m-%d %H:%M:%S} UTC"
    share = f"{line['failures']} of {line['messages']} messages"
    return f"{line['line']:24} STANDS since {since}: {share} failed with {line['error_code']}: {line['cause']}"
