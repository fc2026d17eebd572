"""How a message that failed is shown: as indented JSON, as text, as bytes, and where in it the fault is.

Nothing is made prettier than it came: numbers, escapes, order and repeated names stay as they stand in the bytes.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from markupsafe import Markup, escape

Kind = Literal["name", "text", "number", "word", "mark"]
Path = tuple[str, ...]

LINES_SHOWN: Final = 400
LINES_AROUND: Final = 60
LONGEST_TOKEN: Final = 2_000
TEXT_SHOWN: Final = 16 * 1024
TEXT_AROUND: Final = 2 * 1024
BYTES_A_PAGE: Final = 2 * 1024
BYTES_A_ROW: Final = 16
DEEPEST: Final = 64

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+', re.DOTALL)
_STEP = re.compile(r"[^.\[\]]+|\[(?:\d+|\.\.\.)\]")
_BYTE = re.compile(r"\b[Bb]yte (\d+)\b")
# Control, format, surrogate and line separator characters; a line's end, a tab and what joins emoji are welcome.
_HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line, as it stands in the message."""

    kind: Kind
    text: str
    cut: int = 0


@dataclass(slots=True)
class Line:
    """A line of the indented message: the value it holds or opens, and where that stands in the text."""

    number: int
    depth: int
    pieces: list[Piece] = field(default_factory=list)
    path: Path | None = None
    start: int = 0
    end: int = 0
    is_fault: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Lines that are left out."""

    lines: int


def indented(text: str) -> list[Line] | None:
    """The lines of a JSON text, its tokens untouched; None where it is no JSON that people could read."""
    try:
        json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    lines, frames = [Line(1, 0)], list[list[Any]]()
    tokens = list(_TOKEN.finditer(text))
    for token, ahead in zip(tokens, [*tokens[1:], None], strict=True):
        word, line = token.group(), lines[-1]
        if word == ":":
            line.pieces.append(Piece("mark", ": "))
        elif word == ",":
            line.pieces.append(Piece("mark", ","))
            frames[-1][1] += 1
            lines.append(Line(len(lines) + 1, len(frames)))
        elif word in "}]":
            frames.pop()
            if line.pieces and line.pieces[-1].text not in "{[":
                line = Line(len(lines) + 1, len(frames))
                lines.append(line)
            line.pieces.append(Piece("mark", word))
        elif ahead is not None and ahead.group() == ":" and word[0] == '"':
            frames[-1][2] = json.loads(word, strict=False)
            line.pieces.append(_piece("name", word))
        else:
            line.path = tuple(frame[2] if frame[0] == "{" else str(frame[1]) for frame in frames)
            line.start, line.end = token.span()
            line.pieces.append(_piece(_kind(word), word))
            if word in "{[":
                frames.append([word, 0, ""])
                if len(frames) > DEEPEST:
                    return None
                if ahead is not None and ahead.group() not in "}]":
                    lines.append(Line(len(lines) + 1, len(frames)))
    return lines


def _kind(word: str) -> Kind:
    if word in "{[":
        return "mark"
    return "text" if word[0] == '"' else "word" if word in ("true", "false", "null") else "number"


def _piece(kind: Kind, word: str) -> Piece:
    return Piece(kind, word[:LONGEST_TOKEN], max(0, len(word) - LONGEST_TOKEN))


def steps_of(path: str) -> Path:
    """`work_order.lines[2].part` as steps; `[...]` (some element) stays as it is."""
    return tuple(step.strip("[]") for step in _STEP.findall(path))


def mark_fault(lines: Sequence[Line], path: str | None) -> Line | None:
    """The line that the path leads to, marked; where the field is missing, the line it is missing under."""
    if not path:
        return None
    known = {line.path: line for line in reversed(lines) if line.path is not None}
    steps = steps_of(path)
    for way in (steps, ("payload", *steps)):
        if way in known:
            return _marked(known[way])
    for line in lines:
        if line.path and line.path[-len(steps) :] == steps:
            return _marked(line)
    for length in range(len(steps) - 1, -1, -1):
        if found := known.get(steps[:length]):
            rest = ".".join(steps[length:])
            return _marked(found, "one of these" if rest.startswith("...") else f"{rest} is not here")
    return None


def _marked(line: Line, note: str | None = None) -> Line:
    line.is_fault, line.note = True, note
    return line


def folded(lines: Sequence[Line]) -> Iterator[Line | Fold]:
    """The lines, or, where there are very many, the first of them and those around the fault."""
    fault = next((line.number for line in lines if line.is_fault), 0)
    gap = 0
    for line in lines:
        if len(lines) <= LINES_SHOWN + LINES_AROUND or line.number <= LINES_SHOWN or _is_near(line.number, fault):
            if gap:
                yield Fold(gap)
            gap = 0
            yield line
        else:
            gap += 1
    if gap:
        yield Fold(gap)


def _is_near(number: int, fault: int) -> bool:
    return bool(fault) and abs(number - fault) <= LINES_AROUND


def faulty_bytes(data: bytes, code: str, reason: str, line: Line | None) -> tuple[int, int] | None:
    """From which byte to which the fault is, where that is known."""
    if line is not None and line.is_fault and line.note is None:
        text = data.decode(errors="surrogateescape")
        before = len(text[: line.start].encode(errors="surrogateescape"))
        return before, before + len(text[line.start : line.end].encode(errors="surrogateescape"))
    if code == "NOT_UTF8":
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return error.start, error.end
    if code == "TRUNCATED_JSON":
        return max(0, len(data) - 1), len(data)
    if code == "NUL_CHARACTER" and (at := data.find(b"\\u0000")) >= 0:
        return at, at + 6
    if (found := _BYTE.search(reason)) and int(found.group(1)) < len(data):
        return int(found.group(1)), int(found.group(1)) + 1
    return None


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of the message as text."""

    text: str
    is_fault: bool = False
    left_out: int = 0


def as_text(data: bytes, fault: tuple[int, int] | None) -> list[Run]:
    """The bytes as text with the fault marked; of very long ones the beginning and what surrounds the fault."""
    start, end = fault or (0, 0)
    if len(data) <= TEXT_SHOWN + 2 * TEXT_AROUND:
        parts = [(0, start, False), (start, end, True), (end, len(data), False)]
        return [Run(_decoded(data[a:b]), is_fault) for a, b, is_fault in parts if b > a]
    first = min(TEXT_SHOWN, start) if fault and start < TEXT_SHOWN else TEXT_SHOWN
    near, far = max(first, start - TEXT_AROUND), min(len(data), max(end, first) + TEXT_AROUND)
    runs = [Run(_decoded(data[:first]))]
    if fault:
        runs += [Run("", left_out=near - first)] if near > first else []
        runs += [
            Run(_decoded(data[near:start])),
            Run(_decoded(data[start:end][:LONGEST_TOKEN]), True),
            Run(_decoded(data[end:far])),
        ]
    shown_to = far if fault else first
    return [*runs, Run("", left_out=len(data) - shown_to)] if shown_to < len(data) else runs


def _decoded(data: bytes) -> str:
    return data.decode(errors="surrogateescape")


@dataclass(frozen=True, slots=True)
class HexRow:
    """Sixteen bytes: the offset, each byte as (hex, character, is the fault)."""

    offset: str
    cells: list[tuple[str, str, bool]]


def as_hex(data: bytes, at: int, fault: tuple[int, int] | None) -> list[HexRow]:
    """One page of bytes from `at` on, in rows of sixteen, as `hexdump -C` shows them."""
    start, end = fault or (0, 0)
    return [
        HexRow(
            f"{row:08x}",
            [
                (f"{byte:02x}", chr(byte) if 32 <= byte < 127 else "·", start <= row + index < end)
                for index, byte in enumerate(data[row : min(row + BYTES_A_ROW, len(data))])
            ],
        )
        for row in range(at, min(at + BYTES_A_PAGE, len(data)), BYTES_A_ROW)
    ]


def visible(told: Any) -> Markup:
    """A text in which nothing hides: control, direction and zero-width characters are shown by their code."""
    parts, at = [], 0
    text = str(told if told is not None else "")
    for found in _HIDDEN.finditer(text):
        parts += [str(escape(text[at : found.start()])), _glyph(found.group())]
        at = found.end()
    return Markup("".join([*parts, str(escape(text[at:]))]))  # every part is escaped  # nosec B704


def _glyph(character: str) -> str:
    if "\udc80" <= character <= "\udcff":
        return f'<span class="glyph" title="a byte that is not UTF-8">{ord(character) - 0xDC00:02X}</span>'
    name = unicodedata.name(character, "control character").lower()
    return f'<span class="glyph" title="{escape(name)}">U+{ord(character):04X}</span>'
