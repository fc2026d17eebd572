"""The rights on Kafka are those that registry, topology, bridges and read models ask for: no fewer, and few."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka.admin import AclBinding, AclBindingFilter

from compose.local.processes import COMMANDS, SIMULATORS, workers
from connectors import access
from connectors.foreign import FOREIGN
from connectors.registry import NOWHERE_INBOX, ROUTES
from schemas.codec import DEAD_LETTERS
from schemas.topics import MESSAGES, TOPICS, changelog_of
from streams.kafka.admin import NotShown
from streams.topology import GROUP, TOPOLOGY

RIGHTS = access.rights()
CHANGELOGS = {changelog_of(each.name) for each in TOPOLOGY}


def test_agents_may_write_whatever_a_fold_may_emit() -> None:
    emitted = {MESSAGES[name].topic for each in TOPOLOGY for name in each.emits}
    assert RIGHTS["agents"].writes >= emitted | CHANGELOGS | {DEAD_LETTERS, MESSAGES["repair.settled"].topic}
    assert RIGHTS["agents"].groups == {GROUP}, "the group that Faust joins"


def test_bridges_may_write_the_inboxes_they_name_and_say_that_a_line_stands() -> None:
    for user, transport in (("mes-mqtt", "mqtt"), ("mes-opcua", "opcua")):
        inboxes = {route.inbox for route in ROUTES if route.transport == transport} | {NOWHERE_INBOX}
        assert RIGHTS[user].writes == inboxes | {DEAD_LETTERS, MESSAGES["alert.raised"].topic}
        assert not RIGHTS[user].reads


def test_repairs_may_go_to_every_inbox() -> None:
    inboxes = {name for name, topic in TOPICS.items() if topic.kind == "inbox"}
    assert RIGHTS["jobs"].writes >= inboxes
    assert RIGHTS["jobs"].groups == {each.group for each in FOREIGN.values()}


def test_only_agents_write_changelogs_and_nobody_writes_what_others_write() -> None:
    assert {user for user in access.USERS if RIGHTS[user].writes & CHANGELOGS} == {"agents"}
    assert {user for user in access.USERS if RIGHTS[user].writes & set(FOREIGN)} == set(access.OUTSIDE.values())
    inboxes = {processor.inbox for processor in TOPOLOGY}
    settles = {"projector": set(), "planner": {MESSAGES["repair.settled"].topic}}
    for user, topics in settles.items():
        assert RIGHTS[user].writes == {DEAD_LETTERS} | topics
        assert not RIGHTS[user].writes & inboxes


@pytest.mark.parametrize("topic", TOPICS.values(), ids=lambda topic: topic.name)
def test_an_owner_is_somebody_who_can_sign_in(topic) -> None:
    named = set(access.OURS) if topic.owner == "all" else set(topic.owner.split(", "))
    assert named <= set(access.USERS) | set(access.OUTSIDE)
    assert [user for user in access.USERS if topic.name in RIGHTS[user].writes]


def test_every_process_that_speaks_to_kafka_has_a_user_and_workers_share_one() -> None:
    nobody = {name for name in {**COMMANDS, **workers(3), **SIMULATORS} if access.user_of(name) is None}
    assert nobody == {"opcua-sim", *SIMULATORS} - {"planning-sim"}
    assert {access.user_of(name) for name in workers(3)} == {"agents"}
    assert access.user_of("planning-sim") == "erp"


def test_nobody_but_the_operator_has_a_right_over_the_cluster() -> None:
    told = {binding for user, allowed in RIGHTS.items() for binding in access.bindings(user, allowed)}
    assert {binding.restype.name for binding in told} == {"TOPIC", "GROUP"}
    assert {binding.operation.name for binding in told} == {"READ", "WRITE", "DESCRIBE"}
    assert {binding.permission_type.name for binding in told} == {"ALLOW"}
    assert not any(binding.name == "*" for binding in told)


class LateBroker:
    """Knows of a right, and of its end, only some answers after it said yes."""

    def __init__(self, answers_late: int, *given: AclBinding) -> None:
        self.answers_late = answers_late
        self.now, self.shown = set(given), list[set[AclBinding]]()

    def describe_acls(self, asked: AclBindingFilter) -> Future[list[AclBinding]]:
        self.shown.append(set(self.now))
        known = self.shown[max(len(self.shown) - 1 - self.answers_late, 0)]
        return done([each for each in known if each.principal == asked.principal])

    def create_acls(self, wanted: list[AclBinding]) -> dict[AclBinding, Future[None]]:
        self.now |= set(wanted)
        return {each: done(None) for each in wanted}

    def delete_acls(self, filters: list[AclBindingFilter]) -> dict[AclBindingFilter, Future[None]]:
        kinds = {(each.restype, each.name, each.principal, each.operation) for each in filters}
        self.now = {each for each in self.now if (each.restype, each.name, each.principal, each.operation) not in kinds}
        return {each: done(None) for each in filters}


def done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


@pytest.mark.parametrize("answers_late", [0, 1, 3 * len(access.USERS)])
def test_rights_are_given_when_kafka_shows_them(answers_late: int) -> None:
    """A process that is started after it would be refused otherwise."""
    foreign = access.bindings("projector", access.Rights(frozenset({"machine-inbox"})))
    broker = LateBroker(answers_late, *foreign)
    access.grant(broker, {})
    wanted = {each for user, allowed in RIGHTS.items() for each in access.bindings(user, allowed)}
    assert broker.now == wanted
    assert {each for user in access.USERS for each in access._found(broker, user)} == wanted


def test_rights_that_never_show_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.admin.SHOWN_WITHIN_SECONDS", 0.2)
    with pytest.raises(NotShown, match="rights"):
        access.grant(LateBroker(10_000), {})
