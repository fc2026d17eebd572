"""How a failed message is shown: every token as it came, the fault marked, nothing hidden."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.gateway.pages.letters import (
    BYTES_A_PAGE,
    LINES_AROUND,
    LINES_SHOWN,
    Fold,
    Line,
    as_hex,
    as_text,
    faulty_bytes,
    folded,
    indented,
    mark_fault,
    steps_of,
    visible,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda each: st.lists(each, max_size=4) | st.dictionaries(st.text(max_size=8), each, max_size=4),
    max_leaves=20,
)


def lines_of(text: str) -> list[Line]:
    found = indented(text)
    assert found is not None
    return found


def shown(line: Line) -> str:
    return "".join(piece.text for piece in line.pieces)


@given(JSON, st.sampled_from([None, 1, 4]), st.booleans())
def test_nothing_of_a_message_is_lost_or_changed(document: object, indent: int | None, is_ascii: bool) -> None:
    text = json.dumps(document, indent=indent, ensure_ascii=is_ascii)
    assert json.loads("".join(shown(line) for line in lines_of(text))) == document


@given(JSON)
def test_every_value_stands_where_its_line_says(document: object) -> None:
    text = json.dumps(document)
    for line in lines_of(text):
        if line.path is not None:
            assert text[line.start : line.end] in shown(line)


@given(st.text(alphabet='{}[]",: a1\\', max_size=40))
def test_what_is_no_json_is_never_shown_as_such(text: str) -> None:
    try:
        json.loads(text, strict=False)
    except ValueError:
        assert indented(text) is None
    else:
        assert indented(text) is not None


def test_numbers_repeated_names_and_escapes_stay_as_they_came() -> None:
    text = '{"a": 1.10, "a": 12345678901234567890, "b": "\\u202e"}'
    assert [shown(line) for line in lines_of(text)][1:-1] == [
        '"a": 1.10,',
        '"a": 12345678901234567890,',
        '"b": "\\u202e"',
    ]


def test_a_message_nested_too_deep_is_text() -> None:
    assert indented("[" * 100 + "]" * 100) is None
    assert indented("[" * 100_000 + "]" * 100_000) is None


@pytest.mark.parametrize(
    ("path", "expected", "note"),
    [
        ("lines[1].part", '"part": 2', None),
        ("lines.1.part", '"part": 2', None),
        ("units", '"units": "x"', None),
        ("deep", '"deep": true', None),
        ("lines[1].missing", "{", "missing is not here"),
        ("lines[...].part", '"lines": [', "one of these"),
        ("nowhere", "{", "nowhere is not here"),
    ],
)
def test_the_fault_is_found_where_the_path_leads(path: str, expected: str, note: str | None) -> None:
    lines = lines_of('{"lines": [{"part": 1}, {"part": 2}], "payload": {"units": "x"}, "z": {"y": {"deep": true}}}')
    found = mark_fault(lines, path)
    assert found is not None
    assert shown(found).rstrip(",") == expected
    assert found.note == note
    assert [line for line in lines if line.is_fault] == [found]


def test_a_path_is_its_steps() -> None:
    assert steps_of("work_order.lines[2].part") == ("work_order", "lines", "2", "part")


def test_of_a_long_message_the_beginning_and_what_surrounds_the_fault_are_shown() -> None:
    lines = lines_of(json.dumps({"rows": list(range(9_000)), "end": "x"}))
    mark_fault(lines, "rows[5000]")
    kept = list(folded(lines))
    assert len(kept) <= LINES_SHOWN + 2 * LINES_AROUND + 3
    assert any(isinstance(line, Line) and line.is_fault for line in kept)
    assert sum(line.lines if isinstance(line, Fold) else 1 for line in kept) == len(lines)


@pytest.mark.parametrize(
    ("data", "code", "reason", "expected"),
    [
        (b"\xff\xfe", "NOT_UTF8", "", (0, 1)),
        (b'{"a": ', "TRUNCATED_JSON", "", (5, 6)),
        (b'{"a": pass}', "INVALID_JSON", "JSON is malformed: invalid character (byte 6).", (6, 7)),
        (b'{"a": "\\u0000"}', "NUL_CHARACTER", "", (7, 13)),
        (b"{}", "INVALID_JSON", "byte 99", None),
        (b"", "EMPTY_MESSAGE", "The message is empty.", None),
    ],
)
def test_the_faulty_bytes_are_those_the_reason_names(
    data: bytes, code: str, reason: str, expected: tuple[int, int] | None
) -> None:
    assert faulty_bytes(data, code, reason, None) == expected


def test_the_faulty_bytes_of_a_field_are_counted_in_bytes() -> None:
    data = '{"ü": "ö", "units": "zwölf"}'.encode()
    start, end = faulty_bytes(data, "VALIDATION_ERROR", "", mark_fault(lines_of(data.decode()), "units")) or (0, 0)
    assert data[start:end].decode() == '"zwölf"'


@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 200))
def test_text_shows_every_byte_once(data: bytes, one: int, other: int) -> None:
    fault = (min(one, other, len(data)), min(max(one, other), len(data)))
    runs = as_text(data, fault if fault[0] < fault[1] else None)
    assert b"".join(run.text.encode(errors="surrogateescape") for run in runs) == data


def test_a_very_long_text_says_how_much_is_left_out() -> None:
    data = b"x" * 200_000 + b"!" + b"y" * 50_000
    runs = as_text(data, (200_000, 200_001))
    assert sum(len(run.text) for run in runs) < 30_000
    assert sum(len(run.text) + run.left_out for run in runs) == len(data)
    assert [run.text for run in runs if run.is_fault] == ["!"]


@given(st.binary(max_size=5_000))
def test_the_dump_shows_every_byte_once(data: bytes) -> None:
    pages = range(0, max(1, len(data)), BYTES_A_PAGE)
    told = [cell[0] for at in pages for row in as_hex(data, at, None) for cell in row.cells]
    assert bytes.fromhex("".join(told)) == data


@given(st.text())
def test_no_text_becomes_markup_and_no_character_hides(text: str) -> None:
    told = str(visible(text))
    assert not re.search(r"[\u202a-\u202e\u2066-\u2069\u200b\x00-\x08]", told)
    assert "<" not in re.sub(r'<span class="glyph" title="[^"<>]*">[^<>]*</span>', "", told)


def test_what_hides_is_named() -> None:
    assert str(visible("a\u202e<b>\udcff👩\u200d🔧")) == (
        'a<span class="glyph" title="right-to-left override">U+202E</span>&lt;b&gt;'
        '<span class="glyph" title="a byte that is not UTF-8">FF</span>👩\u200d🔧'
    )
