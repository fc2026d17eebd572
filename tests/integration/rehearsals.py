"""A plant with workers and a projector, on which messages are rehearsed and then said in earnest."""

from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException
from psycopg.rows import dict_row

from connectors.gateway.rehearsing import Rehearser
from schemas.envelope import Message
from schemas.settings import DEFAULT_TENANT
from schemas.views.rehearsals import Rehearsal, RehearsedRow
from sql import rehearsal
from sql.database import rows_of
from sql.read_models.registry import READ_MODELS, TABLES
from streams.driver import Output, output_of
from streams.kafka.changelogs import Ends
from streams.kafka.consumer import Lane, lag
from streams.topology import GROUP, TOPOLOGY
from tests.integration.events import await_projected, publish
from tests.plants import RunningPlant, eventually

Snapshot = dict[str, dict[tuple[Any, ...], dict[str, Any]]]


class Yard:
    """A plant with workers and a projector, and one who rehearses."""

    def __init__(self, plant: RunningPlant) -> None:
        self.plant, self.settings = plant, plant.settings()
        self.rehearser = Rehearser(self.settings)
        self._ends = Ends(self.settings, GROUP)
        self._inboxes = [(each.inbox, partition) for each in TOPOLOGY for partition in range(self.settings.partitions)]

    def rehearse(self, *said: Message[Any]) -> Rehearsal:
        with rows_of(self.plant.app_url, DEFAULT_TENANT) as rows:
            return self.rehearser.rehearse(rows, DEFAULT_TENANT, [[output_of(each)] for each in said])

    def publish(self, *said: Message[Any]) -> None:
        """Publish messages, and return when all that follows from them is rows."""
        publish(self.settings, map(output_of, said))
        self.settle()

    def settle(self) -> None:
        eventually(lambda: self._is_folded() and self._is_folded(), 180, "the workers are not done")
        await_projected(self.plant, [Output(topic, b"", b"") for topic in READ_MODELS])

    def _is_folded(self) -> bool:
        try:
            ends = self.ends(self._inboxes)
            return not any(lag(ends, self._ends.done(self._inboxes)).values())
        except KafkaException:
            return False

    def ends(self, lanes: Sequence[Lane]) -> dict[Lane, int]:
        """Where partitions end now."""
        return self._ends.of(lanes)

    def close(self) -> None:
        self.rehearser.close()
        self._ends.close()

    def snapshot(self) -> Snapshot:
        """All rows of the tenant, by key."""
        with rows_of(self.plant.app_url, DEFAULT_TENANT) as rows, rehearsal.copies(rows, DEFAULT_TENANT) as copy:
            forms = copy.forms
            found: Snapshot = {}
            with copy.cursor.connection.cursor(row_factory=dict_row) as cursor:
                for table in TABLES:
                    cursor.execute(f"SELECT * FROM public.{table}".encode())
                    found[table] = rehearsal.by_key(forms[table].key, cursor.fetchall())
            self.forms = forms
            return found

    def changed(self, before: Snapshot, after: Snapshot) -> list[RehearsedRow]:
        """What a person would call a change between two snapshots."""
        return [
            row
            for table in TABLES
            if table not in rehearsal.UNSHOWN
            for row in rehearsal.differences(table, self.forms[table].key, before[table], after[table])
        ]
