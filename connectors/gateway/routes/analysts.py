"""For analysts: the data dictionary and the ready queries."""

import time
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse

from connectors.gateway.depends import Identity, Parts, Reader
from connectors.gateway.problems import Problem
from connectors.gateway.reading import reading
from connectors.gateway.routes.erp import PROBLEMS
from connectors.gateway.routes.exports import FILE, Form, file_of, until_sent
from connectors.gateway.state import State
from schemas.views.analysts import Dictionary, QueryList, QueryResult, QueryView
from sql.reads import dictionary, queries
from sql.reads.queries import Value

router = APIRouter(prefix="/api/v1", tags=["analysts"], responses=PROBLEMS)
Text = Annotated[str | None, Query(max_length=128)]


def asked(
    days: Annotated[int | None, Query(ge=1, le=3660, description="so many days back, or ahead")] = None,
    machine: Text = None,
    work_order: Text = None,
    product: Text = None,
    material: Text = None,
) -> dict[str, Value]:
    """The values that ready queries may be asked with; an empty text is none."""
    texts = {"machine": machine, "work_order": work_order, "product": product, "material": material}
    return {"days": days} | {name: text or None for name, text in texts.items()}


Asked = Annotated[dict[str, Value], Depends(asked)]


@router.get("/dictionary", response_model=Dictionary, summary="What analysts may read, table by table")
def all_tables(parts: Parts, reader: Reader) -> Any:
    """Views first; each table with what one row means, each column with its comment, as the database has them."""
    with parts.database.tenant(reader.tenant_id) as rows:
        return {"tables": dictionary.tables(rows)}


@router.get("/queries", response_model=QueryList, summary="The ready queries")
def ready_queries(_: Reader) -> Any:
    """Each with its parameters and its SQL, defaults filled in."""
    return {"queries": [view_of(query, {}) for query in queries.ready().values()]}


@router.get("/queries/{name}", response_model=QueryResult, summary="Run a ready query")
def run(parts: Parts, reader: Reader, name: Identity, asked: Asked) -> Any:
    """In a transaction that only reads. Which parameters it takes is in the list; others are refused."""
    query, values = _known(name, asked)
    return result_of(parts, reader.tenant_id, query, values)


@router.get(
    "/exports/queries/{name}.{form}",
    responses=FILE,
    response_class=StreamingResponse,
    summary="All a ready query finds, as a file",
)
def take_out(parts: Parts, reader: Reader, name: Identity, form: Form, asked: Asked) -> StreamingResponse:
    """Like the query itself, to its end."""
    from connectors.gateway import exporting

    query, values = _known(name, asked)
    with (
        until_sent() as held,
        reading(parts, reader.tenant_id, parts.settings.query_seconds) as rows,
        queries.answered(rows, query, values) as found,
    ):
        schema = exporting.schema_of_result(found.description or ())
        batches = iter(lambda: found.fetchmany(exporting.BATCH), [])
        return file_of(parts, name, form, schema, batches, held)


def view_of(query: queries.Query, given: dict[str, Value]) -> QueryView:
    """A query as people see it."""
    parameters = [{name: getattr(each, name) for name in each.__slots__} for each in query.parameters]
    sql = query.shown(query.values(given))
    return QueryView.model_validate(
        {"name": query.name, "title": query.title, "about": query.about, "parameters": parameters, "sql": sql}
    )


def result_of(parts: State, tenant_id: str, query: queries.Query, values: dict[str, Value]) -> dict[str, Any]:
    """What a query finds, as far as it is shown. Raises Problem 503 where that takes too long."""
    begin, limit = time.monotonic(), parts.settings.query_rows_max
    with (
        reading(parts, tenant_id, parts.settings.query_seconds) as rows,
        queries.answered(rows, query, values) as held,
    ):
        columns = [{"name": each.name, "type": each.type_display} for each in held.description or ()]
        found = held.fetchmany(limit + 1)
    return {
        "name": query.name,
        "sql": query.shown(values),
        "columns": columns,
        "rows": [[_shown(value) for value in row.values()] for row in found[:limit]],
        "is_cut": len(found) > limit,
        "took_seconds": round(time.monotonic() - begin, 3),
    }


def _known(name: str, given: dict[str, Value]) -> tuple[queries.Query, dict[str, Value]]:
    """The query and its values. Raises Problem 404, 400."""
    query = queries.ready().get(name)
    if query is None:
        raise Problem(404, f"No ready query is called {name}.")
    try:
        return query, query.values(given)
    except ValueError as error:
        raise Problem(400, str(error)) from error


def _shown(value: Any) -> Any:
    """A quantity as a JSON number."""
    return (int(value) if value == value.to_integral_value() else float(value)) if isinstance(value, Decimal) else value
