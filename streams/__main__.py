"""The command line of `streams`: topics, agents, projector, replay."""

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


if __name__ == "__main__":
    app()
