"""Bytes to messages and back: one gate before parsing, then strict decoding; every refusal is an `Unreadable`."""

import re
from functools import cache
from typing import Any, Final

import msgspec

from schemas.envelope import Message, TypeOf
from schemas.topics import MESSAGES

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
DEAD_LETTERS: Final = "integration-failures"
LARGEST_DEAD_LETTER: Final = 2 * 1024 * 1024
DEEPEST_DEAD_LETTER: Final = MAX_DEPTH + 4
LARGEST_INTEGER: Final = 2**63 - 1
BACKSLASH: Final = 0x5C
"""Looked for as a number: a tenth of the time it takes as bytes, and few messages have one."""

_STRUCTURE = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', re.DOTALL)
_ESCAPED_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_OUR_TYPE = re.compile(rb'\{"version":"[0-9.]+","message_id":"[^"\\]+","type":"([a-z_.]+)"')
_PATH = re.compile(r" - at `\$?\.?(.*)`$")

_type_of = msgspec.json.Decoder(TypeOf)
_anything = msgspec.json.Decoder()
_encoder = msgspec.json.Encoder(decimal_format="number")


class Unreadable(Exception):
    """A payload that is no message: a code, a reason a person can act on, and the field it is about."""

    def __init__(self, code: str, reason: str, path: str | None = None) -> None:
        super().__init__(reason)
        self.code, self.reason, self.path = code, reason, path


def gate(data: bytes, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> None:
    """Refuse what no parser should see: too large, too deep, not UTF-8, with a NUL in a string."""
    if len(data) > max_bytes:
        raise Unreadable("MESSAGE_TOO_LARGE", f"The message has {len(data)} bytes; at most {max_bytes} are accepted.")
    if not data.strip():
        raise Unreadable("EMPTY_MESSAGE", "The message is empty.")
    if data.count(b"[") + data.count(b"{") > max_depth and _depth(data) > max_depth:
        raise Unreadable("NESTED_TOO_DEEP", f"The message is nested deeper than {max_depth} levels.")
    if BACKSLASH in data and b"\\u0000" in data and _ESCAPED_NUL.search(data):
        raise Unreadable("NUL_CHARACTER", "The message holds a NUL character, which no text column can keep.")


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for token in _STRUCTURE.findall(data):
        if token in (b"[", b"{"):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"]", b"}"):
            depth -= 1
    return deepest


def parse(data: bytes, max_bytes: int = MAX_BYTES) -> Any:
    """Any JSON document as Python values, through the gate; integers outside 64 bits are refused."""
    gate(data, max_bytes)
    document = _strictly(_anything, data)
    _check_integers(document, "")
    return document


def _check_integers(value: Any, path: str) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _check_integers(item, f"{path}.{key}")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _check_integers(item, f"{path}[{index}]")
    elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        raise Unreadable("NUMBER_OUT_OF_RANGE", f"The integer at {path[1:]} does not fit 64 bits.", path[1:])


def _strictly(decoder: Any, data: bytes) -> Any:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        text = str(error)
        found = _PATH.search(text)
        code = "NUMBER_OUT_OF_RANGE" if "out of range" in text else "VALIDATION_ERROR"
        path = found.group(1) if found else ""
        raise Unreadable(code, _sentence(_PATH.sub("", text), path), path or None) from error
    except UnicodeDecodeError as error:
        raise Unreadable("NOT_UTF8", f"Byte {error.start} of a text in the message is not UTF-8.") from error
    except RecursionError as error:
        raise Unreadable("NESTED_TOO_DEEP", f"The message is nested deeper than {MAX_DEPTH} levels.") from error
    except msgspec.DecodeError as error:
        code = "TRUNCATED_JSON" if "truncated" in str(error) else "INVALID_JSON"
        raise Unreadable(code, f"The message is not valid JSON: {error}.") from error


def _sentence(complaint: str, path: str) -> str:
    """msgspec's complaint ("Expected `int`, got `str`") with the field in front and without its quotes."""
    plain = complaint.replace("`", "").replace("$.", "")
    return f"{path}: {plain[:1].lower()}{plain[1:]}." if path else f"{plain}."


@cache
def _decoder_of(type_name: str) -> Any:
    payload: Any = MESSAGES[type_name].payload
    return msgspec.json.Decoder(Message[payload])


def decode(data: bytes, max_bytes: int = MAX_BYTES, max_depth: int = MAX_DEPTH) -> Message[Any]:
    """A record's value as a message. Raises Unreadable."""
    gate(data, max_bytes, max_depth)
    type_name = _type_name(data)
    if type_name not in MESSAGES:
        raise Unreadable("UNKNOWN_TYPE", f"No message type is called {type_name!r}.", "type")
    message: Message[Any] = _strictly(_decoder_of(type_name), data)
    if message.type != type_name:
        raise Unreadable("VALIDATION_ERROR", f"The message says two types: {type_name} and {message.type}.", "type")
    return message


def _type_name(data: bytes) -> str:
    """The message's type: where `encode` puts it, which saves reading the message twice, or wherever it stands."""
    found = _OUR_TYPE.match(data)
    return found.group(1).decode() if found else str(_strictly(_type_of, data).type)


def decode_event(topic: str, data: bytes) -> Message[Any]:
    """A record of an event topic; a dead letter may be larger, for it holds a message. Raises Unreadable."""
    if topic == DEAD_LETTERS:
        return decode(data, LARGEST_DEAD_LETTER, DEEPEST_DEAD_LETTER)
    return decode(data)


def encode(message: Any) -> bytes:
    """A message, or any struct of ours, as JSON bytes."""
    return _encoder.encode(message)
