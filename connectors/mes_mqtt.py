"""The process `mes-mqtt`: counts, inspections and downtime from the MQTT broker into the machine inbox."""

import asyncio

from connectors.age import Line
from connectors.bridge import Bridge
from connectors.held_lines import HeldLines
from connectors.outbox import Outbox
from connectors.process import run_source
from connectors.registry import lines_of
from connectors.transports.mqtt import MqttTransport
from schemas.settings import Settings

NAME = "mes-mqtt"


def main(settings: Settings) -> int:
    """Run until SIGTERM; 0 if it ended as asked."""

    async def source(outbox: Outbox, held_lines: HeldLines, stop: asyncio.Event) -> None:
        line = Line(NAME, settings)
        bridge = Bridge("mqtt", settings, line, outbox, held_lines)
        machine_ids = [machine.machine_id for machine in settings.layout.machines]
        transport = MqttTransport(
            settings,
            settings.layout.mqtt_filters,
            line,
            outbox,
            bridge.take,
            lambda outage, reason: bridge.mark_gap(machine_ids, outage, reason),
        )
        await transport.run(stop)

    return run_source(NAME, settings, lines_of("mqtt"), source)
