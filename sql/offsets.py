"""How far the read models are with each event partition; moved in the transaction that writes the rows."""

from collections.abc import Mapping
from typing import Any, Final

import psycopg

Lane = tuple[str, int]
PROJECTION: Final = "ops.projection_offsets"
REACTIONS: Final = "ops.reaction_offsets"


class Superseded(Exception):
    """Somebody else has moved the offset: this projector is a zombie and must stop."""


def read(cursor: psycopg.Cursor[Any], lanes: list[Lane], table: str = PROJECTION) -> dict[Lane, int]:
    """The next offset of each partition, 0 where nothing was read yet."""
    cursor.execute(f"SELECT topic, partition, next_offset FROM {table}".encode())
    known = {(topic, partition): int(offset) for topic, partition, offset in cursor.fetchall()}
    return {lane: known.get(lane, 0) for lane in lanes}


def move(cursor: psycopg.Cursor[Any], moves: Mapping[Lane, tuple[int, int]], table: str = PROJECTION) -> None:
    """Move offsets from what they must be to what they become. Raises Superseded if one is not what it must be."""
    cursor.executemany(
        f"INSERT INTO {table} (topic, partition, next_offset) VALUES (%s, %s, 0) ON CONFLICT DO NOTHING".encode(),
        [lane for lane, (expected, _) in moves.items() if expected == 0],
    )
    cursor.execute(
        f"""
        UPDATE {table} AS kept SET next_offset = moved.becomes, updated_at = now()
        FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS moved(topic, partition, expected, becomes)
        WHERE kept.topic = moved.topic AND kept.partition = moved.partition AND kept.next_offset = moved.expected
        """.encode(),
        [
            [topic for topic, _ in moves],
            [partition for _, partition in moves],
            [expected for expected, _ in moves.values()],
            [becomes for _, becomes in moves.values()],
        ],
    )
    if cursor.rowcount != len(moves):
        raise Superseded("An offset in Postgres is not where this reader left it: another one has taken over.")
