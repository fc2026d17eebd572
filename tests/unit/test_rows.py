"""Rows of a foreign system: each is judged by itself, and pages follow one another to the last."""

from typing import Any

import pytest

from connectors.systems import rows
from connectors.systems.erp import ErpMaterial
from connectors.systems.wms import WmsStock
from schemas.codec import Unreadable

GOOD = {"material_id": "MAT-1", "part_number": "P-1", "part_name": "Door Panel"}
FIRST = {"page": "1", "page_size": "2"}


def test_a_bad_row_is_named_and_the_others_go_on() -> None:
    told = [GOOD, {"material_id": "MAT-2"}, 7, None, GOOD | {"material_id": 3}, GOOD | {"material_id": "MAT-6"}]
    checked = rows.check(told, ErpMaterial)
    assert [row.material_id for row in checked.good] == ["MAT-1", "MAT-6"]
    assert [(bad.number, bad.material_id) for bad in checked.bad] == [(2, "MAT-2"), (3, None), (4, None), (5, None)]


@pytest.mark.parametrize(
    "row",
    [
        {"material_id": "MAT-1", "on_hand_quantity": float("nan")},
        {"material_id": "MAT-1", "on_hand_quantity": float("inf")},
        {"material_id": "MAT-1", "on_hand_quantity": True},
        {"material_id": "MAT-1", "on_hand_quantity": 1, "batch_details": [{"batch_number": "B"}]},
        {"material_id": "MAT-1", "on_hand_quantity": 1, "batch_details": {}},
        {"material_id": "MAT-1", "on_hand_quantity": 1, "last_updated": "2025-11-18T14:20:00"},
        {"material_id": "MAT-1", "on_hand_quantity": 10**12},
        [],
        "MAT-1",
    ],
)
def test_nonsense_is_refused_and_nothing_else_is_raised(row: Any) -> None:
    checked = rows.check([row], WmsStock)
    assert len(checked.bad) == 1


@pytest.mark.parametrize(
    ("answer", "page"),
    [
        ({"materials": [1, 2], "total_count": 5}, "2"),
        ({"materials": [1, 2], "total_count": 2}, None),
        ({"materials": [1, 2]}, "2"),
        ({"materials": [1]}, None),
        ({"materials": [], "total_count": 100}, None),
        ({"materials": [1], "page_size": 1, "total_count": 2}, "2"),
        ({"materials": [1], "page_size": 1}, "2"),
    ],
)
def test_pages_follow_by_the_count_of_all_rows_or_by_the_size_of_a_page(answer: Any, page: str | None) -> None:
    found = rows.next_page(dict(FIRST), answer, "materials")
    assert (found and found["page"]) == page


@pytest.mark.parametrize("answer", [None, [], {}, {"materials": None}, {"materials": {}}, "materials", 7])
def test_an_answer_without_a_list_is_refused(answer: Any) -> None:
    with pytest.raises(Unreadable, match="list called materials"):
        rows.next_page(dict(FIRST), answer, "materials")
