"""Values that several subjects share: names, counts, quantities, percentages."""

from decimal import Decimal
from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, max_length=128)]
Text = Annotated[str, Meta(max_length=4000)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Percentage = Annotated[float, Meta(ge=0, le=100)]
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Minutes = Annotated[float, Meta(ge=0, le=1e7)]

LARGEST_QUANTITY = Decimal(10) ** 12


def check_quantity(name: str, quantity: Decimal | None, *, least: Decimal = Decimal(0)) -> None:
    """Raise ValueError unless the quantity fits NUMERIC(18,6) and is at least `least`."""
    if quantity is None:
        return
    if not quantity.is_finite() or not least <= quantity < LARGEST_QUANTITY:
        raise ValueError(f"{name} must be a number from {least} to below {LARGEST_QUANTITY:f}, not {quantity}")
    exponent = quantity.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -6:
        raise ValueError(f"{name} may have 6 decimal places at most, not {quantity}")
