"""Edits of a message: JSON Patch (RFC 6902) with two operations of ours, applied to the bytes that came. Pure.

`to_number` makes a number of a text that begins with one ("12 pcs" -> 12); `substitute` replaces what a pattern finds
in a text field, or, without a path, in the message as text, where it is no JSON yet. Patterns are those of Rust's
regex, which take linear time whatever somebody writes.
"""

import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import jsonpatch
import jsonpointer

from schemas.codec import encode

PATCHES: Final = frozenset({"add", "remove", "replace", "move", "copy", "test"})
MOST_EDITS: Final = 100
_LEADING_NUMBER: Final = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?)(?![\d.,])")
_NO_UTF8: Final = re.compile("[\udc80-\udcff]")
_STAND_INS: Final = re.compile("[\uf780-\uf7ff]")
_STAND_IN: Final = {0xDC00 + byte: 0xF700 + byte for byte in range(0x80, 0x100)}
_STOOD_FOR: Final = {stand_in: stood_for for stood_for, stand_in in _STAND_IN.items()}

Change = dict[str, Any]


class BadEdit(ValueError):
    """An edit that cannot be made: the field it is about, and why."""

    def __init__(self, path: str | None, reason: str) -> None:
        super().__init__(reason)
        self.path, self.reason = path, reason


def edited(original: bytes, edits: Sequence[Mapping[str, Any]]) -> bytes:
    """The message after all edits, in order. Raises BadEdit."""
    if len(edits) > MOST_EDITS:
        raise BadEdit(None, f"These are {len(edits)} edits; at most {MOST_EDITS} are made at once.")
    data, document = original, _NOTHING
    for edit in edits:
        if edit.get("op") == "substitute" and edit.get("path") is None:
            data, document = _substituted_text(_written(data, document), edit), _NOTHING
        else:
            document = _changed(_read(data) if document is _NOTHING else document, edit)
    return _written(data, document)


_NOTHING: Final = object()


def _read(data: bytes) -> Any:
    """The message as JSON; decimals stay exact."""
    try:
        return json.loads(data.decode(), parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        sentence = f"The message is no JSON ({error}); only a substitution without a path can be made in it."
        raise BadEdit(None, sentence) from error


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no number of JSON")


def _written(data: bytes, document: Any) -> bytes:
    if document is _NOTHING:
        return data
    try:
        return encode(document)
    except (UnicodeEncodeError, RecursionError) as error:
        raise BadEdit(None, f"The edited message cannot be written as JSON: {error}.") from error


def _changed(document: Any, edit: Mapping[str, Any]) -> Any:
    """The document after one edit. Raises BadEdit."""
    op, path = edit.get("op"), edit.get("path")
    if not isinstance(path, str):
        raise BadEdit(None, f"The edit {op!r} needs a path like /payload/work_order_id.")
    try:
        if op == "to_number":
            return _replaced(document, path, _number(path, _at(document, path)))
        if op == "substitute":
            return _replaced(document, path, _substituted(path, _at(document, path), edit))
        if op not in PATCHES:
            raise BadEdit(path, f"No edit is called {op!r}.")
        return jsonpatch.apply_patch(document, [dict(edit)])
    except jsonpatch.JsonPatchTestFailed as error:
        raise BadEdit(path, f"{path} is not what the edit says it is.") from error
    except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException) as error:
        raise BadEdit(path, f"The edit of {path} cannot be made: {error}.") from error
    except (TypeError, KeyError, IndexError, AttributeError, UnicodeEncodeError) as error:
        raise BadEdit(path, f"The edit of {path} does not fit what is there.") from error


def _at(document: Any, path: str) -> Any:
    return jsonpointer.resolve_pointer(document, path)


def _replaced(document: Any, path: str, value: Any) -> Any:
    return jsonpatch.apply_patch(document, [{"op": "replace", "path": path, "value": value}])


def _number(path: str, value: Any) -> Any:
    """The number that a text begins with; a number stays as it is."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return value
    found = _LEADING_NUMBER.match(value) if isinstance(value, str) else None
    if found is None:
        raise BadEdit(path, f"{path} holds {value!r}, which does not begin with a number like 12 or 12.5.")
    number = Decimal(found.group(1))
    return int(number) if number == number.to_integral_value() and abs(number) < 2**63 else number


def _substituted(path: str, value: Any, edit: Mapping[str, Any]) -> str:
    if not isinstance(value, str):
        raise BadEdit(path, f"{path} is no text; a substitution needs one.")
    return _replace_all(value, edit, path)


def _substituted_text(data: bytes, edit: Mapping[str, Any]) -> bytes:
    """A substitution in the bytes as text; bytes that are no UTF-8 are kept as they are."""
    text = data.decode(errors="surrogateescape")
    if text.isascii() or not _NO_UTF8.search(text):
        return _replace_all(text, edit, None).encode()
    if _STAND_INS.search(text):
        raise BadEdit(None, "Text that is not UTF-8 and has characters of private use cannot be substituted in.")
    done = _replace_all(text.translate(_STAND_IN), edit, None)
    return done.translate(_STOOD_FOR).encode(errors="surrogateescape")


def _replace_all(text: str, edit: Mapping[str, Any], path: str | None) -> str:
    pattern, replacement = edit.get("pattern"), edit.get("with")
    if not isinstance(pattern, str) or not isinstance(replacement, str):
        raise BadEdit(path, "A substitution needs `pattern` and `with`, both texts.")
    # Polars takes tens of megabytes and a moment to load; a process in which nobody substitutes anything does without.
    import polars
    from polars.exceptions import PolarsError

    try:
        (done,) = polars.Series([text]).str.replace_all(pattern, replacement)
    except PolarsError as error:
        raise BadEdit(path, f"{pattern!r} is no pattern that can be searched for.") from error
    return str(done)


def difference(original: bytes, changed: bytes) -> list[Change] | None:
    """What an edit changed, field by field with the value before and after; None where one of them is no JSON."""
    try:
        before, after = _read(original), _read(changed)
        patch = jsonpatch.JsonPatch.from_diff(before, after, dumps=lambda value: encode(value).decode())
    except (BadEdit, UnicodeEncodeError, RecursionError):
        return None
    return [_change(each, before) for each in patch.patch]


def _change(patch: Mapping[str, Any], before: Any) -> Change:
    found = jsonpointer.JsonPointer(patch["path"])
    was = found.resolve(before, None) if patch["op"] in ("replace", "remove") else None
    told = patch.get("value")
    if patch["op"] == "move":
        told = jsonpointer.resolve_pointer(before, patch["from"], None)
    return {"op": patch["op"], "path": patch["path"], "before": was, "after": told} | (
        {"from": patch["from"]} if "from" in patch else {}
    )
