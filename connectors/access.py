"""Who may do what on Kafka: the least rights of each process, taken from the registry, the map and the read models.

Everything that is not named here is refused (`StandardAuthorizer`). The local plant, compose and any other cluster get
the same rules, by `python -m connectors access`.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from schemas.topics import TOPICS, changelog_of
from streams.kafka.admin import until_shown

ADMIN: Final = "admin"
"""Makes topics, users and rights, and may do everything."""
OURS: Final = ("mes-mqtt", "mes-opcua", "gateway", "jobs", "agents", "projector", "planner", "register")
OUTSIDE: Final = {"the ERP": "erp", "the WMS": "wms"}
"""Systems that write a topic of Kafka's themselves, as the registry calls them, and their users."""
SPEAKING_FOR: Final = {"planning-sim": "erp"}
USERS: Final = (*OURS, *OUTSIDE.values())
ITERATIONS: Final = 8192
PATIENCE_SECONDS: Final = 30.0


class Rights(NamedTuple):
    """Topics that a user writes and reads, and groups it is a member of. Whoever is ours may ask how far groups are."""

    writes: frozenset[str]
    reads: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()


def user_of(process: str) -> str | None:
    """The user a process signs in as: all workers are one; None for those that do not speak to Kafka."""
    name = re.sub(r"-\d+$", "", process)
    return SPEAKING_FOR.get(name) or (name if name in USERS else None)


def rights() -> dict[str, Rights]:
    """What each user needs."""
    from connectors.foreign import FOREIGN
    from sql.read_models.registry import READ_MODELS
    from streams.planning import TOPICS as PLANNED_FROM
    from streams.topology import GROUP, TOPOLOGY

    inboxes = frozenset(each.inbox for each in TOPOLOGY)
    changelogs = frozenset(changelog_of(each.name) for each in TOPOLOGY)
    reads = {
        "agents": inboxes | changelogs,
        "projector": frozenset(READ_MODELS),
        "planner": frozenset(PLANNED_FROM),
        # What becomes of events, and what others write.
        "jobs": frozenset(READ_MODELS) | frozenset(FOREIGN),
        # A figure's passport shows any message; a rehearsal folds over copies of states.
        "gateway": frozenset(TOPICS) | changelogs,
    }
    groups = {"agents": frozenset({GROUP}), "jobs": frozenset(each.group for each in FOREIGN.values())}
    return {
        user: Rights(
            _written_by(user) | (changelogs if user == "agents" else frozenset()),
            reads.get(user, frozenset()),
            groups.get(user, frozenset()),
        )
        for user in USERS
    }


def _written_by(user: str) -> frozenset[str]:
    """The topics whose owners name this user."""
    return frozenset(name for name, topic in TOPICS.items() if user in _writers(topic.owner))


def _writers(owner: str) -> Iterable[str]:
    return OURS if owner == "all" else [OUTSIDE.get(each, each) for each in owner.split(", ")]


def bindings(user: str, allowed: Rights) -> set[AclBinding]:
    """The same as Kafka says it. Reading and writing let one see what there is; so does nothing else."""
    from streams.topology import GROUP  # what every other group of ours begins with

    topic, group, literal = ResourceType.TOPIC, ResourceType.GROUP, ResourcePatternType.LITERAL
    return {
        *(_binding(user, topic, name, literal, AclOperation.WRITE) for name in allowed.writes),
        *(_binding(user, topic, name, literal, AclOperation.READ) for name in allowed.reads),
        *(_binding(user, group, name, literal, AclOperation.READ) for name in allowed.groups),
        *([_binding(user, group, GROUP, ResourcePatternType.PREFIXED, AclOperation.DESCRIBE)] if allowed.reads else []),
    }


def _binding(
    user: str, kind: ResourceType, name: str, pattern: ResourcePatternType, operation: AclOperation
) -> AclBinding:
    return AclBinding(kind, name, pattern, f"User:{user}", "*", operation, AclPermissionType.ALLOW)


def grant(admin: AdminClient, passwords: Mapping[str, str]) -> None:
    """Give these users their passwords, and every user exactly its rights, until Kafka shows them.

    A password that changes lets nobody out: who is connected stays so, who connects again needs the new one.
    Raises KafkaException, NotShown.
    """
    credential = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    told = [UserScramCredentialUpsertion(user, credential, word.encode()) for user, word in passwords.items()]
    for done in admin.alter_user_scram_credentials(told).values() if told else ():
        done.result(PATIENCE_SECONDS)
    until_shown(lambda: _is_settled(admin), "the rights it was given, and no others")


def _is_settled(admin: AdminClient) -> bool:
    """Whether the rights are what they should be; what is not is changed."""
    wanted = {each for user, allowed in rights().items() for each in bindings(user, allowed)}
    found = {each for user in USERS for each in _found(admin, user)}
    missing, beyond = list(wanted - found), [_filter(each) for each in found - wanted]
    if missing:
        for made in admin.create_acls(missing).values():
            made.result(PATIENCE_SECONDS)
    if beyond:
        for gone in admin.delete_acls(beyond).values():
            gone.result(PATIENCE_SECONDS)
    return not (missing or beyond)


def _found(admin: AdminClient, user: str) -> list[AclBinding]:
    asked = AclBindingFilter(
        ResourceType.ANY,
        None,
        ResourcePatternType.ANY,
        f"User:{user}",
        None,
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    found: list[AclBinding] = admin.describe_acls(asked).result(PATIENCE_SECONDS)
    return found


def _filter(one: AclBinding) -> AclBindingFilter:
    return AclBindingFilter(
        one.restype,
        one.name,
        one.resource_pattern_type,
        one.principal,
        one.host,
        one.operation,
        one.permission_type,
    )
