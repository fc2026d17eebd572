"""Where a broker listens, and who is let in to do what: processes by SCRAM and their rights, the operator to all.

Open, as a plant on one machine is unless somebody closes it, a plain listener beside theirs lets in whoever can open a
port of this machine. Closed (`KAFKA_CLOSED=1`), nobody comes in without a name, brokers and controllers included.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from compose.local.identity import Identity
from connectors.access import ADMIN, user_of

PLAIN, PROCESSES, CONTROLLER = "PLAINTEXT", "PROCESSES", "CONTROLLER"
SASL: Final = "SASL_PLAINTEXT"
SCRAM: Final = "SCRAM-SHA-512"
MODULES: Final = "org.apache.kafka.common.security"


class Listener(NamedTuple):
    """A port on loopback, the protocol spoken there, and the port that clients are told, if it is another one."""

    port: int
    protocol: str
    told: int | None = None


def names(brokers: int) -> list[str]:
    """The process names: `kafka`, and `kafka-2`, `kafka-3` in a cluster."""
    return ["kafka", *(f"kafka-{number}" for number in range(2, brokers + 1))]


def port_of_processes(identity: Identity, broker: str = "kafka") -> int:
    """Where our processes find a broker."""
    return identity.port(f"{broker}-processes")


def operator(identity: Identity) -> dict[str, str]:
    """The settings of people and tools of this machine, who may do everything."""
    if not identity.is_kafka_closed:
        return {"KAFKA_BOOTSTRAP": _bootstrap([identity.port(name) for name in names(identity.brokers)])}
    return _by_name(identity, ADMIN, "PLAIN")


def process(identity: Identity, name: str) -> dict[str, str]:
    """The settings of one of our processes, which may do what it needs; none for those that do not speak to Kafka."""
    user = user_of(name)
    return _by_name(identity, user, SCRAM) if user else {}


def password(identity: Identity, user: str) -> str:
    """The password of a user of Kafka's."""
    return identity.secret(f"kafka_{user.replace('-', '_')}")


def _by_name(identity: Identity, user: str, mechanism: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP": _bootstrap([port_of_processes(identity, name) for name in names(identity.brokers)]),
        "KAFKA_SECURITY_PROTOCOL": SASL,
        "KAFKA_SASL_MECHANISM": mechanism,
        "KAFKA_SASL_USERNAME": user,
        "KAFKA_SASL_PASSWORD": password(identity, user),
    }


def _bootstrap(ports: list[int]) -> str:
    return ",".join(f"127.0.0.1:{port}" for port in ports)


def settings(identity: Identity, broker: str, own: Mapping[str, Listener] | None = None) -> dict[str, object]:
    """Listeners, identities and rights in server.properties; `own`: further listeners by name."""
    closed = identity.is_kafka_closed
    listeners = {
        **({} if closed else {PLAIN: Listener(identity.port(broker), PLAIN)}),
        PROCESSES: Listener(port_of_processes(identity, broker), SASL),
        **(own or {}),
    }
    controller = Listener(identity.port(f"{broker}-controller"), SASL if closed else PLAIN)
    told = {name: each._replace(port=each.told or each.port) for name, each in listeners.items()}
    return {
        "listeners": _addresses({**listeners, CONTROLLER: controller}),
        "advertised.listeners": _addresses(told),
        "listener.security.protocol.map": ",".join(
            f"{name}:{each.protocol}" for name, each in {**listeners, CONTROLLER: controller}.items()
        ),
        "controller.listener.names": CONTROLLER,
        "inter.broker.listener.name": PROCESSES if closed else PLAIN,
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "sasl.enabled.mechanisms": f"{SCRAM},PLAIN",
        **{
            f"listener.name.{name.lower()}.{mechanism.lower()}.sasl.jaas.config": jaas
            for name, each in {**listeners, CONTROLLER: controller}.items()
            if each.protocol == SASL
            for mechanism, jaas in _logins(identity).items()
        },
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN}" if closed else f"User:{ADMIN};User:ANONYMOUS",
    }


def _addresses(listeners: Mapping[str, Listener]) -> str:
    return ",".join(f"{name}://127.0.0.1:{each.port}" for name, each in listeners.items())


def _logins(identity: Identity) -> dict[str, str]:
    """Who may sign in: all whom Kafka's metadata know by SCRAM, and the operator, who has to make them first."""
    secret = password(identity, ADMIN)
    return {
        SCRAM: f"{MODULES}.scram.ScramLoginModule required;",
        "PLAIN": f'{MODULES}.plain.PlainLoginModule required username="{ADMIN}" password="{secret}"'
        f' user_{ADMIN}="{secret}";',
    }
