"""The golden messages: one file a message type, fixtures of every suite."""

import json
from pathlib import Path
from typing import Any

from schemas.codec import decode
from schemas.envelope import Message
from schemas.topics import MESSAGES

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"


def example_bytes(type_name: str) -> bytes:
    """The golden message of a type, as it stands in its file."""
    return (EXAMPLES / MESSAGES[type_name].topic / f"{type_name}.json").read_bytes()


def example_messages() -> list[Message[Any]]:
    """Every golden message, in the order of the registry."""
    return [decode(example_bytes(name)) for name in MESSAGES]


def golden_run() -> dict[str, list[dict[str, Any]]]:
    """A whole afternoon of messages into every inbox, and what the folds made of it when it was committed."""
    document: dict[str, list[dict[str, Any]]] = json.loads((Path(__file__).parent / "golden_run.json").read_text())
    return document
