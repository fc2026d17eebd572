"""Assets: what is edited of the others too, and that each belongs to something larger (ISA-95)."""

from collections.abc import Mapping
from typing import Any, Final

from sql.edited import planning
from sql.edited.base import Edit, Versioned
from sql.edited.planning import Wrong
from sql.edited.subjects import ASSET

LEVELS: Final = ("site", "area", "line", "work_center", "machine")


def create(edit: Edit, values: Mapping[str, Any]) -> Versioned:
    """Keep a new asset. Raises Wrong, Conflict."""
    edit.lock(ASSET.name)
    _check_levels(edit, None, values)
    return planning.create(edit, ASSET, values)


def change(edit: Edit, identity: str, version: int | None, values: Mapping[str, Any]) -> Versioned:
    """Give an asset these values. Raises Unknown, Conflict, Wrong."""
    edit.lock(ASSET.name)
    _check_levels(edit, identity, values)
    return planning.change(edit, ASSET, identity, version, values)


def _check_levels(edit: Edit, identity: str | None, values: Mapping[str, Any]) -> None:
    """Raise Wrong unless what it belongs to is larger, and what belongs to it smaller; so nothing belongs to itself."""
    level = LEVELS.index(values["asset_type"])
    edit.rows.execute(
        "SELECT asset_code, asset_type, id = %(parent)s AS is_parent FROM asset_hierarchy "
        "WHERE deleted_at IS NULL AND (id = %(parent)s OR parent_asset_id = %(id)s)",
        {"parent": values.get("parent_asset_id"), "id": identity},
    )
    for other in edit.rows.fetchall():
        if other["is_parent"] and LEVELS.index(other["asset_type"]) >= level:
            told = f"A {values['asset_type']} cannot belong to {other['asset_code']}, which is a {other['asset_type']}."
            raise Wrong("parent_asset_id", told)
        if not other["is_parent"] and LEVELS.index(other["asset_type"]) <= level:
            told = f"{other['asset_code']}, a {other['asset_type']}, belongs to it: it must be larger than that."
            raise Wrong("asset_type", told)
