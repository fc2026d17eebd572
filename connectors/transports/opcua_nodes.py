"""Finds the machines of an OPC-UA server by browsing `MES.Machines.<id>.Status`, however the server arranges it."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from asyncua import Client, ua
from asyncua.client.ua_client import UaClientState

from schemas.settings import OpcUaEndpoint

STATUS: Final = "Status"
LEVELS_BELOW_OBJECTS: Final = 2
NODES_AT_ONCE: Final = 500


@dataclass(slots=True)
class Found:
    """Machines with their variables' nodes, and for what is not there a sentence by node."""

    machines: dict[str, dict[str, ua.NodeId]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


async def discover(client: Client, endpoint: OpcUaEndpoint, wanted: Iterable[str], names: Iterable[str]) -> Found:
    """The machines below the root path with their variables of these names; `wanted` machines that lack are named.

    Tried in turn: node ids of the layout; an object hierarchy; nodes with dotted names; string node ids.
    """
    found = Found()
    variables = tuple(names)
    index = await _namespace(client, endpoint, found)
    for machine_id, node_id in _explicit(endpoint).items():
        await _take(client, found, machine_id, node_id, variables)
    for machine_id, node_id in (await _browse(client, endpoint.root_path, index)).items():
        if machine_id not in found.machines:
            await _take(client, found, machine_id, node_id, variables)
    for machine_id in wanted:
        if machine_id not in found.machines and index is not None:
            await _by_string_id(client, endpoint, found, machine_id, index, variables)
        path = f"{endpoint.root_path}.{machine_id}.{STATUS}"
        if machine_id not in found.machines:
            found.missing[path] = f"The server has no node {path}."
        elif "CurrentStatus" not in found.machines[machine_id]:
            found.missing[f"{path}.CurrentStatus"] = f"{path} has no variable CurrentStatus."
    _take_explicit_variables(endpoint, found)
    return found


def _explicit(endpoint: OpcUaEndpoint) -> dict[str, ua.NodeId]:
    """`node_ids` of the layout that name a machine's Status node; `<machine>.<variable>` names a variable's."""
    return {name: ua.NodeId.from_string(text) for name, text in endpoint.node_ids.items() if "." not in name}


def _take_explicit_variables(endpoint: OpcUaEndpoint, found: Found) -> None:
    for name, text in endpoint.node_ids.items():
        if "." in name:
            machine_id, variable = name.rsplit(".", 1)
            found.machines.setdefault(machine_id, {})[variable] = ua.NodeId.from_string(text)
            found.missing.pop(f"{endpoint.root_path}.{machine_id}.{STATUS}", None)


async def _namespace(client: Client, endpoint: OpcUaEndpoint, found: Found) -> int | None:
    known: list[str] = await client.get_namespace_array()
    if endpoint.namespace_uri in known:
        return known.index(endpoint.namespace_uri)
    others = ", ".join(known)
    found.missing[endpoint.namespace_uri] = f"The server knows no namespace {endpoint.namespace_uri}, but {others}."
    return None


async def _children(client: Client, node_id: ua.NodeId, index: int | None) -> dict[str, ua.NodeId]:
    """Children by browse name; of several with the same name the one in the namespace wins."""
    if client.state is not UaClientState.CONNECTED:
        raise ConnectionError("the connection was lost while browsing")
    node = client.get_node(node_id)
    described: list[Any] = await node.get_children_descriptions()
    described.sort(key=lambda each: each.BrowseName.NamespaceIndex == index)
    return {str(each.BrowseName.Name): each.NodeId for each in described}


async def _browse(client: Client, root_path: str, index: int | None) -> dict[str, ua.NodeId]:
    """The Status node of every machine below the root path."""
    objects = ua.NodeId(ua.ObjectIds.ObjectsFolder)
    level = await _children(client, objects, index)
    node_id: ua.NodeId | None = objects
    for name in root_path.split("."):
        node_id = (await _children(client, node_id, index)).get(name) if node_id is not None else None
    if node_id is None and root_path in level:
        node_id = level[root_path]
    if node_id is not None:
        return await _status_nodes(client, node_id, index)
    return await _dotted(client, objects, root_path, index, LEVELS_BELOW_OBJECTS)


async def _status_nodes(client: Client, root: ua.NodeId, index: int | None) -> dict[str, ua.NodeId]:
    machines: dict[str, ua.NodeId] = {}
    for machine_id, node_id in (await _children(client, root, index)).items():
        status = (await _children(client, node_id, index)).get(STATUS)
        if status is not None:
            machines[machine_id] = status
    return machines


async def _dotted(
    client: Client, below: ua.NodeId, root_path: str, index: int | None, levels: int
) -> dict[str, ua.NodeId]:
    """Nodes whose own name is the whole path: `MES.Machines.M-203.Status`."""
    start, end = f"{root_path}.", f".{STATUS}"
    machines: dict[str, ua.NodeId] = {}
    for name, node_id in (await _children(client, below, index)).items():
        if name.startswith(start) and name.endswith(end):
            machines[name[len(start) : -len(end)]] = node_id
        elif levels > 1 and name != "Server":
            machines |= await _dotted(client, node_id, root_path, index, levels - 1)
    return machines


async def _take(client: Client, found: Found, machine_id: str, status: ua.NodeId, variables: tuple[str, ...]) -> None:
    """A machine's variables: children of its Status node, by name or by the last part of a dotted name."""
    children = {name.rsplit(".", 1)[-1]: node_id for name, node_id in (await _children(client, status, None)).items()}
    here = {name: children[name] for name in variables if name in children}
    if here:
        found.machines[machine_id] = here


async def _by_string_id(
    client: Client, endpoint: OpcUaEndpoint, found: Found, machine_id: str, index: int, variables: tuple[str, ...]
) -> None:
    """Servers that list nothing but answer to `ns=2;s=MES.Machines.M-203.Status.CurrentStatus`."""
    path = f"{endpoint.root_path}.{machine_id}.{STATUS}"
    node_ids = {name: ua.NodeId(f"{path}.{name}", index) for name in variables}
    values = await read(client, node_ids.values())
    here = {
        name: node_id
        for (name, node_id), value in zip(node_ids.items(), values, strict=True)
        if value.StatusCode is None or value.StatusCode.value != ua.StatusCodes.BadNodeIdUnknown
    }
    if here:
        found.machines[machine_id] = here


async def read(client: Client, node_ids: Iterable[ua.NodeId]) -> list[ua.DataValue]:
    """Values of many nodes; a node that cannot be read has a bad status, the others are not disturbed."""
    nodes = [client.get_node(node_id) for node_id in node_ids]
    values: list[ua.DataValue] = []
    for first in range(0, len(nodes), NODES_AT_ONCE):
        values += await client.read_attributes(nodes[first : first + NODES_AT_ONCE])
    return values
