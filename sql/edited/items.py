"""Items, products and units: entered once, found by any of their names."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy import func, select

from sql.edited.base import Conflict, Edit, new_id
from sql.edited.models import Item, Product, Uom, UomConversion

STANDARD: Final = {
    "EA": "each",
    "PCS": "pieces",
    "SET": "set",
    "BOX": "box",
    "KG": "kilogram",
    "G": "gram",
    "T": "tonne",
    "L": "litre",
    "ML": "millilitre",
    "M": "metre",
    "CM": "centimetre",
    "MM": "millimetre",
    "M2": "square metre",
    "H": "hour",
    "MIN": "minute",
}
STANDARD_CONVERSIONS: Final = (
    ("PCS", "EA", 1),
    ("KG", "G", 1000),
    ("T", "KG", 1000),
    ("L", "ML", 1000),
    ("M", "CM", 100),
    ("M", "MM", 1000),
    ("H", "MIN", 60),
)
KNOWN_MATERIALS = """
SELECT material_id, max(part_name) AS part_name, max(unit_of_measure) AS unit FROM (
  SELECT material_id, part_name, unit_of_measure FROM materials WHERE material_id = ANY(%(codes)s)
  UNION ALL SELECT material_id, NULL, NULL FROM ops.material_keys WHERE material_id = ANY(%(codes)s)
) AS known GROUP BY material_id
"""


class Named(NamedTuple):
    """How somebody names an item: by some of its names."""

    item_id: int | None = None
    item_code: str | None = None
    product_id: str | None = None

    def words(self) -> str:
        """As a person reads it."""
        return self.item_code or self.product_id or f"item {self.item_id}"


class Found(NamedTuple):
    """An item, and the product of the catalogue that it is, if it is one."""

    item: Item
    product: Product | None


def units(edit: Edit) -> set[str]:
    """The units there are; a tenant begins with the usual ones."""
    known = set(edit.session.scalars(select(Uom.uom)))
    if known:
        return known
    edit.lock("units")
    known = set(edit.session.scalars(select(Uom.uom)))
    if not known:
        for unit, description in STANDARD.items():
            add_unit(edit, unit, description)
        edit.session.flush()
        for unit, into, factor in STANDARD_CONVERSIONS:
            add_conversion(edit, unit, into, Decimal(factor), None)
        edit.session.flush()
        known = set(STANDARD)
    return known


def add_unit(edit: Edit, unit: str, description: str) -> None:
    """Enter a unit that is not there."""
    edit.session.add(Uom(tenant_id=edit.tenant_id, uom=unit, description=description))


def add_conversion(edit: Edit, unit: str, into: str, factor: Decimal, item_id: int | None) -> None:
    """Enter a conversion. Raises Conflict where it is there."""
    query = select(UomConversion).where(UomConversion.uom == unit, UomConversion.into_uom == into)
    for each in edit.session.scalars(query):
        if each.inventory_item_id == item_id:
            raise Conflict(f"One {unit} is {each.factor:f} {into} already.")
    told = {"uom": unit, "into_uom": into, "factor": factor, "inventory_item_id": item_id}
    edit.session.add(UomConversion(tenant_id=edit.tenant_id, id=new_id(), **told))


def find(edit: Edit, named: Sequence[Named]) -> list[Found | str]:
    """The item that each of these names, or a sentence why there is none.

    A material that was accepted is entered in the item master when it is named for the first time.
    """
    _enter_materials(edit, {code for each in named for code in (each.item_code, each.product_id) if code})
    ids = {each.item_id for each in named if each.item_id is not None}
    words = {word for each in named for word in (each.item_code, each.product_id) if word}
    query = (
        select(Item, Product)
        .outerjoin(Product, (Product.inventory_item_id == Item.inventory_item_id) & Product.deleted_at.is_(None))
        .where(Item.inventory_item_id.in_(ids) | Item.item_code.in_(words) | Product.id.in_(filter(is_uuid, words)))
    )
    found = [Found(item, product) for item, product in edit.session.execute(query)]
    by_id = {each.item.inventory_item_id: each for each in found}
    by_word = {each.product.id: each for each in found if each.product} | {each.item.item_code: each for each in found}
    return [_one(each, by_id, by_word) for each in named]


def _one(named: Named, by_id: dict[int, Found], by_word: dict[str, Found]) -> Found | str:
    asked = [by_id.get(named.item_id)] if named.item_id is not None else []
    asked += [
        by_word.get(word.lower() if is_uuid(word) else word) for word in (named.item_code, named.product_id) if word
    ]
    there = {each.item.inventory_item_id: each for each in asked if each is not None}
    if not asked:
        return "An item is named by item_code, item_id or product_id; none of them is there."
    if not there:
        return f"No item {named.words()} is known."
    if len(there) > 1 or None in asked:
        return f"{named.words()}: item_code, item_id and product_id do not name the same item."
    return next(iter(there.values()))


def is_uuid(word: str) -> bool:
    """Whether a word is a UUID as we write it."""
    return len(word) == 36 and word.count("-") == 4 and all(c in "0123456789abcdefABCDEF-" for c in word)


def _enter_materials(edit: Edit, codes: set[str]) -> None:
    known = set(edit.session.scalars(select(Item.item_code).where(Item.item_code.in_(codes))))
    if not codes - known:
        return
    edit.rows.execute(KNOWN_MATERIALS.encode(), {"codes": sorted(codes - known)})
    for row in edit.rows.fetchall():
        enter(edit, row["material_id"], row["part_name"], row["unit"] or "EA")


def enter(edit: Edit, code: str, description: str | None, unit: str) -> Item:
    """The item with this code, entered if it is not there."""
    if unit not in units(edit):
        add_unit(edit, unit, unit)
        edit.session.flush()
    edit.lock("items")
    item = edit.session.scalars(select(Item).where(Item.item_code == code)).one_or_none()
    if item is not None:
        return item
    number = (edit.session.scalar(select(func.max(Item.inventory_item_id))) or 0) + 1
    told = {"item_code": code, "description": description, "uom": unit, "is_phantom": False, "created_at": edit.at}
    item = Item(tenant_id=edit.tenant_id, inventory_item_id=number, **told)
    edit.session.add(item)
    edit.session.flush()
    return item


def publish(edit: Edit, item: Item, name: str) -> Product:
    """The catalogue's product that an item is, entered if it is not there."""
    product = edit.session.scalars(
        select(Product).where(Product.inventory_item_id == item.inventory_item_id)
    ).one_or_none()
    if product is None:
        product = Product(inventory_item_id=item.inventory_item_id, name=name, **edit.born())
        edit.session.add(product)
        edit.session.flush()
    return product


def new_product(edit: Edit, code: str, name: str, unit: str) -> Found:
    """Enter a product. Raises Conflict where the catalogue has it, or counts its item in another unit."""
    edit.lock("items")
    item = enter(edit, code, name, unit)
    known = edit.session.scalars(
        select(Product).where(Product.inventory_item_id == item.inventory_item_id)
    ).one_or_none()
    if known is not None:
        raise Conflict(f"{code} is in the catalogue already.", product_id=known.id)
    if item.uom != unit:
        raise Conflict(f"{code} is counted in {item.uom}, not in {unit}.")
    return Found(item, publish(edit, item, name))


def unknown_units(edit: Edit, named: Iterable[str]) -> list[str]:
    """Which of these units nobody knows."""
    return sorted(set(named) - units(edit))
