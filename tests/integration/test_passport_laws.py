"""Whatever is said to a material in whatever order, its passport gives the figures that are shown."""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.gateway.passports import materials
from connectors.gateway.passports.evidence import document
from connectors.gateway.records import Place, Read, Record
from schemas.codec import encode
from schemas.envelope import Message
from schemas.settings import DEFAULT_TENANT
from schemas.topics import MESSAGES
from streams.domain.passports import MATERIAL
from streams.driver import output_of
from tests import inventory
from tests.laws.histories import MATERIAL_MESSAGES
from tests.plants import RunningPlant
from tests.yards import Row, Yard

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]

# A correction that names the consumption which it is about.
NAMED = st.builds(
    inventory.corrected,
    st.just("on_hand_quantity"),
    st.integers(0, 120),
    st.integers(0, 600),
    transaction_id=st.sampled_from(["TXN-WO-1-1", "TXN-WO-2-1", "TXN-WO-2-2"]),
)


class Log:
    """The log of a yard: one partition a topic."""

    def __init__(self, said: Iterable[Message[Any]]) -> None:
        ends: Counter[str] = Counter()
        self._records: dict[Place, Record] = {}
        for message in said:
            topic = MESSAGES[message.type].topic
            place = Place(topic, 0, ends[topic])
            ends[topic] += 1
            self._records[place] = Record(place, output_of(message).key, encode(message), 0)

    def read(self, places: Iterable[Place]) -> Read:
        wanted = set(places)
        missing = {place: f"{place} is not there." for place in wanted - self._records.keys()}
        return Read({place: self._records[place] for place in wanted & self._records.keys()}, missing)


class Rows:
    """A database that is one transaction."""

    def __init__(self, rows: psycopg.Cursor[Row]) -> None:
        self._rows = rows

    @contextmanager
    def tenant(self, _: str) -> Iterator[psycopg.Cursor[Row]]:
        yield self._rows


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(said=st.lists(MATERIAL_MESSAGES | NAMED, max_size=40))
def test_any_history_of_a_material_is_explained(
    migrated: RunningPlant, rows: psycopg.Cursor[Row], said: list[Message[Any]]
) -> None:
    with rows.connection.transaction(force_rollback=True):
        yard = Yard(rows, migrated.settings(wms_url=None, erp_url=None))
        yard.publish([output_of(each) for each in (inventory.known(), *said)])
        parts: Any = SimpleNamespace(database=Rows(rows), records=Log(yard.said))
        made = materials.make(parts, DEFAULT_TENANT, "MAT-1")
        for figure in MATERIAL:
            found = document(made, figure, 100, None)
            assert found["is_equal"] is True, (figure, found["value"], found["recomputed"], found["differences"])
