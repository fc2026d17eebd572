"""The command line of `streams`: topics, grow, refold, agents, projector, planner, replay, rebuild."""

import sys
from collections import Counter
from typing import Annotated

import typer

from schemas.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=True, help="What runs between topics.")


@app.command()
def topics() -> None:
    """Create the topics that are missing."""
    from streams.kafka.admin import TopicMismatch, create_topics

    try:
        created = create_topics(Settings())
    except TopicMismatch as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"{len(created)} topics created." if created else "All topics are there.")


@app.command()
def grow(
    partitions: Annotated[int, typer.Argument(min=1, max=1024, help="how many partitions every inbox is to have")],
) -> None:
    """Spread the inboxes over more partitions; nothing may run meanwhile (README, 'More partitions')."""
    from confluent_kafka import KafkaException

    from streams.growth import CannotShrink, NotAtRest
    from streams.growth import grow as run
    from streams.kafka.admin import NotShown

    try:
        for each in run(Settings(), partitions):
            typer.echo(f"{each.inbox}: {each.before} -> {each.after} partitions, {each.moved} of {each.states} moved")
    except (CannotShrink, NotAtRest, NotShown, KafkaException) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
    typer.echo(f"Set PARTITIONS={partitions}, then start everything again.")


@app.command()
def refold() -> None:
    """Make lost states of inboxes that have grown again from the log; no agent may run meanwhile."""
    from confluent_kafka import KafkaException

    from streams.growth import NotAtRest
    from streams.refold import refold as run

    try:
        for each in run(Settings()):
            typer.echo(f"{each.inbox}: {each.states} states from {each.records} records")
    except (NotAtRest, KafkaException) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error


@app.command()
def agents() -> None:
    """Run the topology as Faust agents."""
    from streams.agents import main

    sys.exit(main(Settings()))


@app.command()
def projector() -> None:
    """Keep the read models in Postgres current."""
    from streams.projector import main

    sys.exit(main(Settings()))


@app.command()
def planner() -> None:
    """Compute plans: MRP, schedules, proposals."""
    from streams.planner import main

    sys.exit(main(Settings()))


@app.command()
def replay(
    processor_name: Annotated[str, typer.Argument(help="machines, work_orders or materials")],
) -> None:
    """Run a fold over its whole inbox and print what comes of it."""
    from streams.driver import Record
    from streams.replay import read_log
    from streams.replay import replay as run
    from streams.topology import processor

    found = processor(processor_name)
    by_partition: dict[int, list[Record]] = {}
    for partition, record in read_log(Settings(), found.inbox):
        by_partition.setdefault(partition, []).append(record)
    counts: Counter[str] = Counter()
    entities = 0
    for partition, records in sorted(by_partition.items()):
        result = run(found, partition, records)
        entities += len(result.states)
        counts["records"] += result.records
        counts.update(output.topic for output in result.outputs)
    typer.echo(f"{counts.pop('records', 0)} records, {entities} entities, emitted: {dict(counts)}")


@app.command()
def rebuild(
    compare: Annotated[bool, typer.Option("--compare", help="change nothing; exit code 1 where rows differ")] = False,
) -> None:
    """Make the read models again from the log (as OWNER_DATABASE_URL); the old ones stay readable meanwhile."""
    from confluent_kafka import KafkaException
    from psycopg import Error
    from rich.console import Console

    from streams.kafka.consumer import LogTruncated
    from streams.rebuild import LogSilent
    from streams.rebuild import rebuild as run

    settings = Settings()
    if settings.owner_database_url is None:
        typer.echo("OWNER_DATABASE_URL is not set: only the owner of the tables may rebuild them.", err=True)
        raise typer.Exit(1)
    try:
        report = run(settings, settings.owner_database_url, is_change_wanted=not compare)
    except (LogTruncated, LogSilent, KafkaException, Error) as error:
        typer.echo(f"The read models are as they were: {error}", err=True)
        raise typer.Exit(1) from error
    Console().print(report.shown(is_changed=not compare))
    raise typer.Exit(1 if compare and report.rows else 0)


if __name__ == "__main__":
    app()
