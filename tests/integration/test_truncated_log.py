"""A log that is shorter than Postgres says: the projector stops and says so, and skips nothing."""

from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streams.kafka.admin import create_topics
from tests.integration.events import an_afternoon, await_projected, ends, everything, kept_projector, publish
from tests.plants import RunningPlant, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]
STARTS = 3


def test_a_topic_truncated_below_what_postgres_has_read_is_not_skipped(migrated: RunningPlant, tmp_path: Path) -> None:
    settings = migrated.settings()
    create_topics(settings)
    projector = kept_projector(migrated, tmp_path)
    first = an_afternoon(orders=2, counts=20)
    publish(settings, first)
    await_projected(migrated, first)
    projector.stop()
    before = everything(migrated.owner_url)
    unread = an_afternoon(orders=2, counts=20)
    publish(settings, unread)
    gone = [TopicPartition(*lane, end) for lane, end in ends(migrated, ["work-orders"]).items() if end]
    admin = AdminClient(settings.kafka())
    for future in admin.delete_records(gone).values():
        future.result(30)
    successor = kept_projector(migrated, tmp_path)
    eventually(lambda: successor.starts >= STARTS, 60, "the projector does not stop")
    successor.stop()
    assert successor.log.count("Data are missing from the log") >= STARTS - 1
    assert everything(migrated.owner_url) == before
