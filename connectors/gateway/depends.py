"""What routes ask for by type: the parts, the body within its limit, and who may do what."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import Depends, Path, Query, Request

from connectors.gateway.auth import Principal, may
from connectors.gateway.requests import body_of
from connectors.gateway.state import State, shared
from sql.reads.pages import LARGEST_PAGE

LARGE_BODY = 16 * 1024 * 1024

Parts = Annotated[State, Depends(shared)]
Reader = Annotated[Principal, Depends(may("plant.read"))]
Operator = Annotated[Principal, Depends(may("plant.operate"))]
Planner = Annotated[Principal, Depends(may("plant.plan"))]
Repairer = Annotated[Principal, Depends(may("plant.repair"))]
ErpWriter = Annotated[Principal, Depends(may("erp.write"))]
StockWriter = Annotated[Principal, Depends(may("inventory.readwrite"))]
Limit = Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="rows in a page")]
Cursor = Annotated[str | None, Query(description="`next_cursor` of the page before")]
Text = Annotated[str | None, Query(max_length=200, description="text to find")]
Identity = Annotated[str, Path(min_length=1, max_length=128)]


def _limited(limit_of: Callable[[State], int]) -> Callable[[Request], Coroutine[Any, Any, bytes]]:
    async def body(request: Request) -> bytes:
        return await body_of(request, limit_of(shared(request)))

    return body


Body = Annotated[bytes, Depends(_limited(lambda state: state.settings.max_message_bytes))]
LargeBody = Annotated[bytes, Depends(_limited(lambda _: LARGE_BODY))]


def json_body(model: type[Any], required: bool = True) -> dict[str, Any]:
    """The OpenAPI description of a body that the route reads itself."""
    schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
    definitions = schema.pop("$defs", {})
    return {
        "requestBody": {
            "required": required,
            "content": {"application/json": {"schema": _inline(schema, definitions)}},
        }
    }


def _inline(value: Any, definitions: dict[str, Any]) -> Any:
    """The schema with its references resolved; OpenAPI knows no definitions inside an operation."""
    if isinstance(value, dict):
        name = str(value.get("$ref", "")).rpartition("/")[2]
        if name:
            return _inline(definitions[name], definitions)
        return {key: _inline(item, definitions) for key, item in value.items()}
    return [_inline(item, definitions) for item in value] if isinstance(value, list) else value
