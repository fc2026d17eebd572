"""Checks the rows that a foreign system told at once, one by one: a bad row does not stop the others."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from connectors.systems.erp import validated
from schemas.codec import Unreadable

Row = TypeVar("Row", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that cannot be read, by its number from 1, and why."""

    number: int
    document: Any
    refusal: Unreadable

    @property
    def material_id(self) -> str | None:
        """The material it names, if it names one."""
        told = self.document.get("material_id") if isinstance(self.document, dict) else None
        return told if isinstance(told, str) else None


@dataclass(frozen=True, slots=True)
class Checked(Generic[Row]):
    """The rows that can be read, and those that cannot."""

    good: list[Row] = field(default_factory=list)
    bad: list[BadRow] = field(default_factory=list)


def check(documents: Iterable[Any], model: type[Row]) -> Checked[Row]:
    """Each row as a model, or why it is none."""
    checked: Checked[Row] = Checked()
    for number, document in enumerate(documents, 1):
        try:
            checked.good.append(validated(model, document))
        except Unreadable as refusal:
            checked.bad.append(BadRow(number, document, refusal))
    return checked


def listed(answer: Any, name: str) -> list[Any]:
    """The rows of an answer `{name: [...]}`. Raises Unreadable where there are none."""
    rows = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        raise Unreadable("VALIDATION_ERROR", f"The answer must be an object with a list called {name}.", name)
    return rows


def next_page(query: dict[str, str], answer: Any, name: str) -> dict[str, str] | None:
    """The query of the page after this answer, or None: by the number of all rows, or by the size of this page."""
    page, size = int(query["page"]), int(query["page_size"])
    rows = listed(answer, name)
    told = answer.get("page_size")
    if isinstance(told, int) and 0 < told < size:
        size = told
    total = answer.get("total_count")
    is_last = page * size >= total if isinstance(total, int) else len(rows) < size
    return None if is_last or not rows else {**query, "page": str(page + 1)}
