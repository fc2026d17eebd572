"""Tells the log which machines the plant has: one `machine.register` for each machine of the layout."""

import hashlib
from datetime import UTC, datetime

from connectors.said import said
from schemas.codec import encode
from schemas.messages.machines import MachineRegistered
from schemas.settings import MachineLayout, Settings
from streams.driver import Output
from streams.kafka.producer import Publisher

TYPE = "machine.register"


def register_machines(settings: Settings) -> int:
    """Publish the layout's machines and wait until Kafka has them; how many there are."""
    now = datetime.now(UTC)
    outputs = [registration(settings.tenant_id, machine, now) for machine in settings.layout.machines]
    Publisher(settings).publish(outputs)
    return len(outputs)


def registration(tenant_id: str, machine: MachineLayout, now: datetime) -> Output:
    """The record that registers a machine; its id follows from what the layout says, so a repeat is the same."""
    payload = MachineRegistered(
        machine_id=machine.machine_id,
        machine_name=machine.machine_name,
        line=machine.line,
        counter_scope=machine.counter_scope,
        ideal_cycle_time_seconds=machine.ideal_cycle_time_seconds,
    )
    digest = hashlib.sha256(encode(payload)).hexdigest()[:16]
    return said(TYPE, tenant_id, payload, message_id=f"register-{digest}", timestamp=now, source="plant-layout")
