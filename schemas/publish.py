"""Generates what others read: JSON Schemas, an AsyncAPI 3 document, the table of settings, .env.example."""

import json
from pathlib import Path
from typing import Any

import msgspec

from schemas.envelope import Message
from schemas.settings import Settings
from schemas.topics import MESSAGES, TOPICS

HERE = Path(__file__).parent


def documents() -> dict[Path, str]:
    """Every generated file with its content."""
    generated = {
        HERE / "published" / "messages" / f"{name}.json": _as_json(message_schema(name)) for name in sorted(MESSAGES)
    }
    generated[HERE / "published" / "asyncapi.json"] = _as_json(asyncapi())
    generated[HERE / "published" / "settings.md"] = settings_table()
    generated[HERE.parent / "compose" / ".env.example"] = env_example()
    return generated


def message_schema(type_name: str) -> dict[str, Any]:
    """The JSON Schema of a message, envelope included; its type is fixed."""
    payload: Any = MESSAGES[type_name].payload
    schema: dict[str, Any] = msgspec.json.schema(Message[payload], schema_hook=None)
    definition = next(value for name, value in schema["$defs"].items() if name.startswith("Message"))
    definition["properties"]["type"] = {"const": type_name}
    definition["title"] = type_name
    _decimals_are_numbers(schema)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _decimals_are_numbers(node: Any) -> None:
    """We write quantities as JSON numbers; msgspec's schema says decimal text, which we accept too."""
    if isinstance(node, dict):
        if node.get("format") == "decimal":
            node.pop("format")
            node["type"] = ["number", "string"]
        for value in node.values():
            _decimals_are_numbers(value)
    elif isinstance(node, list):
        for value in node:
            _decimals_are_numbers(value)


def asyncapi() -> dict[str, Any]:
    """Topics and messages as an AsyncAPI 3.0 document."""
    channels = {
        topic.name: {
            "address": topic.name,
            "description": topic.description,
            "messages": {
                name: {"$ref": f"#/components/messages/{name}"}
                for name, message in sorted(MESSAGES.items())
                if message.topic == topic.name
            },
            "x-owner": topic.owner,
            "x-key": f"tenant_id/{topic.key}",
            "x-retention-ms": topic.retention_ms,
        }
        for topic in TOPICS.values()
    }
    messages = {
        name: {
            "name": name,
            "title": name,
            "summary": (message.payload.__doc__ or "").split("\n")[0],
            "contentType": "application/json",
            "payload": {"$ref": f"messages/{name}.json"},
        }
        for name, message in sorted(MESSAGES.items())
    }
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "A plant's nervous system", "version": "1.0.0"},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            f"send-{name}": {"action": "send", "channel": {"$ref": f"#/channels/{name}"}} for name in channels
        },
        "components": {"messages": messages},
    }


def settings_table() -> str:
    """Every setting as a Markdown table."""
    rows = [
        f"| `{name.upper()}` | {_default(field.default)} | {field.description} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join(["# Settings", "", "| variable | default | meaning |", "|---|---|---|", *rows, ""])


def env_example() -> str:
    """A file of environment variables with every setting and its default."""
    lines = ["# Every setting with its default. Secrets have none: `make up` makes them up in .run/endpoints.env."]
    for name, field in Settings.model_fields.items():
        value = "" if field.default is None else field.default
        lines += ["", f"# {field.description}", f"#{name.upper()}={value}"]
    return "\n".join([*lines, ""])


def _default(value: object) -> str:
    return "" if value is None else f"`{value}`"


def _as_json(document: object) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"
