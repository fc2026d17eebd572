"""One Kafka, Postgres and MQTT broker for all suites of a test process: each finds them as if they were new."""

import logging
import shutil
from contextlib import ExitStack

import psycopg
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from compose.local import identity as identities
from compose.local import postgres, roles
from compose.local.errors import PlantError
from compose.local.identity import Identity
from compose.local.plant import LocalPlant
from compose.local.runner import Runner
from sql.__main__ import migrate_to
from tests.plants import PATIENCE_SECONDS, RunningPlant, eventually, running_plant

GROUP_SECONDS = 90
WITH_TABLES = "with_tables"
LASTING = ("kafka", "postgres")


class Ground:
    """Three servers, started when the first suite needs them. If a suite ended one of them, the next has new ones."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._plant: RunningPlant | None = None
        self._pids: list[int | None] = []
        self._worlds = 0
        self._has_tables = False

    def world(self) -> RunningPlant:
        """The servers without topics, groups and retained messages, and an empty database of its own."""
        if self._plant is None or not self._is_emptied(self._plant):
            self._begin()
        plant = self._plant
        assert plant is not None
        if not isinstance(plant.local, LocalPlant):
            return plant
        self._worlds += 1
        name = f"world_{self._worlds}"
        copy_database(_identity(plant), postgres.DATABASE, name)
        own = {"SPOOL_DIR": str(plant.local.folder.path / "spool" / name)}
        return RunningPlant(plant.local, plant.endpoints | roles.addresses(_identity(plant), name) | own)

    def add_tables(self, world: RunningPlant) -> None:
        """Put a database with all tables, and no rows, in the place of a world's: the migrations run only once."""
        if not isinstance(world.local, LocalPlant):
            migrate_to(world.owner_url, "head")
            return
        identity = _identity(world)
        if not self._has_tables:
            copy_database(identity, postgres.DATABASE, WITH_TABLES)
            migrate_to(postgres.url(identity, roles.OWNER, WITH_TABLES), "head")
            self._has_tables = True
        copy_database(identity, WITH_TABLES, f"world_{self._worlds}")

    def close(self) -> None:
        """Stop the servers and delete what they hold."""
        self._plant, self._has_tables = None, False
        self._stack.close()

    def _begin(self) -> None:
        self.close()
        self._plant = self._stack.enter_context(running_plant(infra_only=True))
        self._pids = [self._plant.local.pid(name) for name in LASTING]

    def _is_emptied(self, plant: RunningPlant) -> bool:
        """Whether the servers are those that were started, and hold nothing any more."""
        local = plant.local
        if not isinstance(local, LocalPlant) or self._pids != [local.pid(name) for name in LASTING]:
            return False
        try:
            empty_kafka(plant)
            empty_mqtt(local)
            drop_database(_identity(plant), f"world_{self._worlds}")
        except (AssertionError, KafkaException, PlantError, psycopg.Error) as error:
            logging.getLogger(__name__).warning("The servers are started anew: %s", error)
            return False
        return True


def _identity(plant: RunningPlant) -> Identity:
    return identities.of(plant.local.folder, None)


def copy_database(identity: Identity, template: str, name: str) -> None:
    """A database like another one, in the place of what had that name. Nobody may be connected to the template."""
    drop_database(identity, name)
    with psycopg.connect(roles.superuser_url(identity), autocommit=True) as connection:
        roles.create_database(connection, name, template)


def drop_database(identity: Identity, name: str) -> None:
    """Drop a database, whoever still is connected to it."""
    with psycopg.connect(roles.superuser_url(identity), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())


def empty_kafka(plant: RunningPlant) -> None:
    """Delete every group and topic, and return when they are gone. Raises AssertionError, KafkaException.

    Who was killed stays a member of its group until its session times out.
    """
    admin = AdminClient(plant.settings().kafka())
    eventually(lambda: _has_no_groups(admin), GROUP_SECONDS, "Kafka keeps a group")
    if found := _topics(admin):
        for deleted in admin.delete_topics(found, operation_timeout=60).values():
            deleted.result(PATIENCE_SECONDS)
        eventually(lambda: not _topics(admin), PATIENCE_SECONDS, "Kafka keeps a topic")


def _topics(admin: AdminClient) -> list[str]:
    return [name for name in admin.list_topics(timeout=30).topics if not name.startswith("__")]


def _has_no_groups(admin: AdminClient) -> bool:
    found = [each.group_id for each in admin.list_consumer_groups(request_timeout=30).result().valid]
    if not found:
        return True
    for deleted in admin.delete_consumer_groups(found, request_timeout=30).values():
        try:
            deleted.result()
        except KafkaException as error:
            if error.args[0].code() not in (KafkaError.NON_EMPTY_GROUP, KafkaError.GROUP_ID_NOT_FOUND):
                raise
    return False


def empty_mqtt(local: LocalPlant) -> None:
    """Start the broker without what it had kept: retained messages, and the sessions of absent clients."""
    runner = Runner(local.folder)
    runner.stop(["mqtt"])
    kept = local.folder.data / "mqtt"
    shutil.rmtree(kept)
    kept.mkdir(mode=0o700)
    runner.start("mqtt")
    local.wait_until_ready("mqtt")
