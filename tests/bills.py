"""Bills of materials as tests make them, over HTTP."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx2

BOMS = "/api/v1/boms"


def fresh(prefix: str = "P") -> str:
    """A code that nothing has."""
    return f"{prefix}-{uuid4().hex[:10]}"


def line(item_code: str, quantity: Any = 1, **fields: Any) -> dict[str, Any]:
    """A component."""
    return {"item_code": item_code, "quantity": quantity} | fields


def make(client: httpx2.Client, product: str, *lines: Mapping[str, Any] | str, **fields: Any) -> dict[str, Any]:
    """A new bill; a code alone is one of it. Raises AssertionError with what was answered instead."""
    answer = post(client, product, *lines, **fields)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def post(client: httpx2.Client, product: str, *lines: Mapping[str, Any] | str, **fields: Any) -> httpx2.Response:
    """Ask for a new bill; what is answered."""
    components = [line(each) if isinstance(each, str) else dict(each) for each in lines]
    body = {"product_id": product, "components": components, "effective_from": "2026-01-01"} | fields
    return client.post(BOMS, json=body)


def items(client: httpx2.Client, *codes: str, unit: str = "EA") -> list[str]:
    """Items that are known from now on."""
    for code in codes:
        asked = {"product_code": code, "name": f"Item {code}", "unit": unit}
        client.post("/api/v1/products", json=asked).raise_for_status()
    return list(codes)


def totals(client: httpx2.Client, bom_id: str, **query: Any) -> dict[str, Decimal]:
    """What an explosion needs of each item."""
    told = client.get(f"{BOMS}/{bom_id}/explode", params=query).raise_for_status().json()
    return {each["item_code"]: Decimal(str(each["quantity"])) for each in told["totals"]}
