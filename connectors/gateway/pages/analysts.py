"""The console's pages for analysts: ready queries with their answers, every list as a file, the data dictionary."""

from datetime import datetime
from typing import Annotated, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from connectors.gateway.depends import Identity, Parts
from connectors.gateway.pages.rendering import NOTHING, Visitor, figure, moment, render, templates
from connectors.gateway.problems import Problem
from connectors.gateway.routes.analysts import asked, result_of, view_of
from connectors.gateway.state import State
from schemas.codec import encode
from sql.reads import dictionary, queries
from sql.reads.exports import DATASETS
from sql.reads.queries import Value

router = APIRouter(include_in_schema=False)
ROLE: Final = "plant_analyst"
PAGE_OF: Final = {"work_order_id": "orders", "machine_id": "machines", "material_id": "materials"}
NUMBERS: Final = ("int", "float", "numeric", "double", "bigint", "smallint")


@router.get("/analysts")
def overview(request: Request, parts: Parts, visitor: Visitor) -> Response:
    """What there is to ask, to take out and to read."""
    with parts.database.tenant(visitor.tenant_id) as rows:
        tables = dictionary.tables(rows)
    told = {
        "queries": [view_of(each, {}) for each in queries.ready().values()],
        "datasets": DATASETS.values(),
        "tables": tables,
        "door": _door(parts, visitor.tenant_id),
        "rows_max": parts.settings.export_rows_max,
    }
    return render(request, parts, visitor, "analysts.html", here="analysts", **told)


@router.get("/analysts/queries/{name}")
def one_query(
    request: Request, parts: Parts, visitor: Visitor, name: Identity, given: Annotated[dict[str, Value], Depends(asked)]
) -> Response:
    """A ready query, and what it finds now."""
    query = queries.ready().get(name)
    if query is None:
        raise Problem(404, f"No ready query is called {name}.")
    known = {each.name for each in query.parameters}
    values = query.values({name: value for name, value in given.items() if name in known})
    result, complaint = _found(parts, visitor.tenant_id, query, values)
    told = {
        "query": view_of(query, values),
        "values": values,
        "result": result,
        "complaint": complaint,
        "asked": urlencode({name: value for name, value in values.items() if value is not None}),
        "rows_max": parts.settings.query_rows_max,
    }
    return render(request, parts, visitor, "analysts_query.html", here="analysts", **told)


def _found(
    parts: State, tenant_id: str, query: queries.Query, values: dict[str, Value]
) -> tuple[dict[str, Any] | None, str | None]:
    """What it finds, or why it could not be asked."""
    try:
        return result_of(parts, tenant_id, query, values), None
    except Problem as problem:
        return None, problem.detail


def _door(parts: State, tenant_id: str) -> dict[str, Any]:
    """Where analysts connect; the password is nobody's business here."""
    address = urlsplit(parts.settings.database_url)
    host, port, database = address.hostname or "127.0.0.1", address.port or 5432, address.path.lstrip("/")
    options = f"-c app.current_tenant_id={tenant_id} -c TimeZone={parts.settings.plant_timezone}"
    command = f'PGOPTIONS="{options}" psql -h {host} -p {port} -U {ROLE} {database}'
    return {"host": host, "port": port, "database": database, "role": ROLE, "tenant": tenant_id, "command": command}


@pass_context
def _cell(context: Context, value: Any, column: str) -> str:
    """A value of an answer: moments by the plant's clock, numbers in figures, names as links to their pages."""
    if value is None:
        return NOTHING
    if isinstance(value, datetime):
        return moment(context, value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return figure(value, 4)
    if isinstance(value, dict | list):
        return encode(value).decode()
    if column in PAGE_OF:
        return Markup('<a href="/{}/{}">{}</a>').format(PAGE_OF[column], quote(str(value), safe=""), value)
    return str(value)


def _is_number(type_name: str) -> bool:
    return type_name.startswith(NUMBERS)


templates.env.filters |= {"cell": _cell, "is_number": _is_number}
