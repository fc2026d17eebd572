"""What the demo factory makes: household appliances, the parts they need, and what lies in the warehouse."""

from datetime import date, datetime, timedelta
from typing import Any, Final, NamedTuple


class Part(NamedTuple):
    """A material: its id, name, category and cost, what lies on the shelf, and below what somebody should order."""

    material_id: str
    name: str
    category: str
    cost_usd: float
    on_hand: int
    safety_stock: int = 500

    @property
    def part_number(self) -> str:
        """The number on the drawing: the id without its prefix."""
        return self.material_id.removeprefix("MAT-")


class Product(NamedTuple):
    """Something the factory makes, on which line it likes to be made, and the parts that one unit needs."""

    product_id: str
    name: str
    variants: tuple[str, ...]
    line: str
    parts: dict[str, int]


# The hinges are short on purpose: orders that need them are accepted with the warning of 002 section 3.2.1.
PARTS: Final = (
    Part("MAT-A-1234", "Door Panel", "Fabricated Parts", 12.5, 250_000),
    Part("MAT-B-5678", "Hinge Assembly", "Purchased Parts", 4.2, 50, safety_stock=400),
    Part("MAT-C-2201", "Door Seal", "Purchased Parts", 2.15, 180_000),
    Part("MAT-D-3107", "Drum Shell", "Fabricated Parts", 28.9, 90_000),
    Part("MAT-D-3110", "Drum Bearing", "Purchased Parts", 6.75, 160_000),
    Part("MAT-E-4401", "Control Board", "Electronics", 31.4, 75_000),
    Part("MAT-E-4425", "Wiring Harness", "Electronics", 8.6, 75_000),
    Part("MAT-F-5002", "Side Panel", "Fabricated Parts", 14.1, 140_000),
    Part("MAT-F-5010", "Powder Coating", "Consumables", 0.9, 400_000),
    Part("MAT-G-9001", "Shipping Carton", "Packaging", 1.35, 120_000),
)
PRODUCTS: Final = (
    Product(
        "PROD-WD-100",
        "Washer Door Assembly",
        ("Standard - White", "Standard - Steel"),
        "Line 1",
        {"MAT-A-1234": 2, "MAT-B-5678": 1, "MAT-C-2201": 1},
    ),
    Product(
        "PROD-DR-210",
        "Washer Drum",
        ("7 kg", "9 kg"),
        "Line 2",
        {"MAT-D-3107": 1, "MAT-D-3110": 2},
    ),
    Product(
        "PROD-CP-330",
        "Control Panel",
        ("Basic", "Display"),
        "Line 2",
        {"MAT-E-4401": 1, "MAT-E-4425": 1},
    ),
    Product(
        "PROD-CB-400",
        "Painted Cabinet",
        ("White", "Graphite"),
        "Line 3",
        {"MAT-F-5002": 2, "MAT-F-5010": 3, "MAT-G-9001": 1},
    ),
    Product(
        "PROD-DD-120",
        "Dryer Door Assembly",
        ("White", "Steel"),
        "Line 1",
        {"MAT-A-1234": 1, "MAT-C-2201": 1, "MAT-G-9001": 1},
    ),
)


def master_data(part: Part) -> dict[str, Any]:
    """A material as the ERP tells it (002 section 3.2.1)."""
    return {
        "material_id": part.material_id,
        "part_number": part.part_number,
        "part_name": part.name,
        "description": f"{part.name}, {part.category.lower()}",
        "category": part.category,
        "unit_of_measure": "EA",
        "standard_cost": part.cost_usd,
        "currency": "USD",
        "safety_stock": part.safety_stock,
        "is_active": True,
    }


def stock(at: datetime) -> list[dict[str, Any]]:
    """What lies in the warehouse, in two or three batches each, as it tells it (002 section 6.2.1)."""
    return [_stock_of(aisle, part, at) for aisle, part in enumerate(PARTS, 1)]


def _stock_of(aisle: int, part: Part, at: datetime) -> dict[str, Any]:
    shares = [part.on_hand // 2, part.on_hand // 5][: 1 + aisle % 2]
    shares.append(part.on_hand - sum(shares))
    return {
        "material_id": part.material_id,
        "part_number": part.part_number,
        "warehouse": "Plant1-WH",
        "location": f"Aisle {aisle}, Bin 1A",
        "on_hand_quantity": part.on_hand,
        "allocated_quantity": 0,
        "available_quantity": part.on_hand,
        "unit_of_measure": "EA",
        "batch_details": [_batch(aisle, number, quantity, at.date()) for number, quantity in enumerate(shares, 1)],
        "last_updated": at.isoformat(),
    }


def _batch(aisle: int, number: int, quantity: int, today: date) -> dict[str, Any]:
    received = today - timedelta(days=30 - 7 * number)
    return {
        "batch_number": f"BATCH-{received:%Y%m%d}-{aisle:02}",
        "quantity": quantity,
        "expiration_date": (received + timedelta(days=365)).isoformat(),
    }
