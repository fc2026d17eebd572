"""The process `mes-opcua`: machine status from every OPC-UA server of the plant layout into the machine inbox."""

import asyncio

import structlog

from connectors.age import Line
from connectors.bridge import Bridge
from connectors.held_lines import HeldLines
from connectors.outbox import Outbox
from connectors.process import run_source
from connectors.registry import lines_of
from connectors.transports.opcua import OpcUaTransport, silent_after_seconds
from schemas.settings import OpcUaEndpoint, Settings

NAME = "mes-opcua"


def main(settings: Settings) -> int:
    """Run until SIGTERM; 0 if it ended as asked."""

    async def source(outbox: Outbox, held_lines: HeldLines, stop: asyncio.Event) -> None:
        transports = [_transport(settings, endpoint, outbox, held_lines) for endpoint in settings.layout.opcua]
        if not transports:
            structlog.get_logger().warning("the plant layout names no OPC-UA server; there is nothing to do")
            await stop.wait()
        async with asyncio.TaskGroup() as group:
            for transport in transports:
                group.create_task(transport.run(stop))

    return run_source(NAME, settings, lines_of("opcua"), source)


def _transport(settings: Settings, endpoint: OpcUaEndpoint, outbox: Outbox, held_lines: HeldLines) -> OpcUaTransport:
    machine_ids = [each.machine_id for each in settings.layout.machines if each.opcua_endpoint == endpoint.name]
    line = Line(f"opcua-{endpoint.name}", settings, asleep_after_seconds=2 * silent_after_seconds(settings))
    bridge = Bridge("opcua", settings, line, outbox, held_lines)
    return OpcUaTransport(
        settings,
        endpoint,
        machine_ids,
        line,
        outbox,
        bridge.take,
        lambda outage, reason, recovered: bridge.mark_gap(machine_ids, outage, reason, recovered),
    )
