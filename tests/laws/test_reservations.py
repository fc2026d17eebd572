"""Laws of reservations, tried on thousands of made-up histories of a material."""

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.envelope import Message
from schemas.messages.materials import MaterialChanged
from streams.domain import stock
from streams.domain.stock import Material
from streams.driver import stored
from streams.topology import processor
from tests.laws.histories import MATERIAL_HISTORIES
from tests.messages import emitted, run


def _told(said: Sequence[Message[Any]]) -> list[Any]:
    return [each.payload for each in emitted(run("materials", said))]


def _state(said: Sequence[Message[Any]]) -> Material:
    (value,) = run("materials", said).changed.values()
    kept = stored(processor("materials"), value)
    assert kept is not None
    assert isinstance(kept.state, Material)
    return kept.state


@settings(max_examples=300, deadline=None)
@given(said=MATERIAL_HISTORIES)
def test_never_is_more_reserved_than_on_hand(said: list[Message[Any]]) -> None:
    for told in _told(said):
        if isinstance(told, MaterialChanged):
            assert 0 <= told.reserved_quantity <= told.on_hand_quantity
            assert told.reserved_quantity <= told.allocated_quantity
            assert told.available_quantity == max(0, told.on_hand_quantity - told.allocated_quantity)


@settings(max_examples=300, deadline=None)
@given(said=MATERIAL_HISTORIES)
def test_the_rows_of_reservations_add_up_to_what_the_material_says(said: list[Message[Any]]) -> None:
    rows: dict[str, Decimal] = {}
    total = Decimal(0)
    for each in emitted(run("materials", said)):
        if each.type == "reservation.changed":
            rows[each.payload.reservation_id] = each.payload.quantity_reserved
        if each.type == "material.changed":
            total = each.payload.reserved_quantity
    assert sum(rows.values()) == total


@settings(max_examples=300, deadline=None)
@given(said=MATERIAL_HISTORIES, cut=st.integers(1, 40))
def test_lots_are_given_once_and_make_up_what_is_reserved(said: list[Message[Any]], cut: int) -> None:
    """The warehouse may name lots that we do not know yet; all others hold what is there."""
    now = _state(said[:cut])
    left = {lot.batch_number: lot.quantity for lot in stock.lots(now)}
    held: Counter[str] = Counter()
    for reservation in now.reservations:
        shares = [share for share in reservation.shares if share.quantity > 0]
        assert len(shares) == len(reservation.shares)
        if now.batches:
            assert sum(share.quantity for share in shares) == reservation.quantity
        if reservation.confirmed_at is None:
            held.update({share.batch_number: share.quantity for share in shares})
    assert all(quantity <= left.get(lot, 0) for lot, quantity in held.items())


@settings(max_examples=300, deadline=None)
@given(said=MATERIAL_HISTORIES)
def test_every_request_is_answered_exactly_once(said: list[Message[Any]]) -> None:
    batch = run("materials", said)
    for offset, each in enumerate(said):
        if each.type == "material.reserve":
            mine = [one for one in emitted(batch) if one.message_id.startswith(f"materials-0-{offset}-")]
            told = [one.type for one in mine if one.type.startswith("reservation.")]
            assert sorted(told) == ["reservation.changed", "reservation.decided"]


@settings(max_examples=200, deadline=None)
@given(said=MATERIAL_HISTORIES)
def test_an_order_hears_of_every_change_of_what_it_holds(said: list[Message[Any]]) -> None:
    heard: dict[str, Decimal] = {}
    for each in emitted(run("materials", said)):
        if each.type == "reservation.decided":
            heard[each.payload.reservation_id] = each.payload.quantity_reserved
    for reservation in _state(said).reservations:
        assert heard[reservation.reservation_id] == reservation.quantity
