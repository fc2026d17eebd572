"""Requests made up from the gateway's own routes and its OpenAPI document: so many a second, the same for a seed."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

STREAMS: Final = frozenset({"/api/v1/live", "/api/projects/{project_id}/live"})
"""They never end by themselves: who looks on hears them in a test of its own."""
DEEPEST: Final = 5
TEXT: Final = {"type": "string"}
HOSTILE: Final = (
    "' OR 1=1 --",
    "=cmd|'/c calc'!A1",
    "<script>alert(1)</script>",
    "{{7*7}} ${7*7}",
    "line\r\nX-Injected: yes",
    "../../etc/passwd",
    "%00\u2028\u202e",
    "a" * 300,
    "",
    "-1",
)
NOW: Final = datetime.now(UTC).replace(microsecond=0)
Names = Mapping[str, Sequence[str]]
"""Names of things that are there, by the parameter or field that asks for them; `table.id` for those of one table."""


@dataclass(frozen=True)
class Call:
    """A request, and the route that it is for."""

    route: "Route"
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: Any = None
    form: dict[str, str] | None = None


@dataclass(frozen=True)
class Route:
    """A route as the app knows it, with what the document says of it; pages have no entry there."""

    method: str
    path: str
    parameters: tuple[dict[str, Any], ...] = field(default=(), repr=False, compare=False)
    body: Mapping[str, Any] | None = field(default=None, hash=False, compare=False, repr=False)
    is_form: bool = False

    @property
    def label(self) -> str:
        return f"{self.method} {self.path}"


def routes_of(app: FastAPI) -> list[Route]:
    """Every route over HTTP, those of the console too, but for streams."""
    document = app.openapi()
    return [
        _described(method, route, document)
        for route in _all(app.routes)
        if route.path not in STREAMS
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def _all(routes: Any) -> Iterator[APIRoute]:
    for route in routes:
        if isinstance(route, APIRoute):
            yield route
        else:
            yield from _all(getattr(getattr(route, "original_router", None), "routes", None) or ())


def _described(method: str, route: APIRoute, document: Mapping[str, Any]) -> Route:
    told = document["paths"].get(route.path_format, {}).get(method.lower())
    if told is None:
        return Route(method, route.path_format, tuple(_of_page(route.dependant)))
    content = told.get("requestBody", {}).get("content", {})
    schema = next(iter(content.values()))["schema"] if content else None
    is_form = any("form" in kind for kind in content)
    return Route(method, route.path_format, tuple(told.get("parameters", ())), schema, is_form)


def _of_page(dependant: Dependant) -> Iterator[dict[str, Any]]:
    """The parameters of a page, as the document would tell them."""
    for where, needed, found in (("path", True, dependant.path_params), ("query", False, dependant.query_params)):
        yield from ({"name": each.alias, "in": where, "required": needed, "schema": TEXT} for each in found)
    for each in dependant.dependencies:
        yield from _of_page(each)


class Attacker:
    """Somebody who asks everything that can be asked, with words of their own and names of anybody's things."""

    def __init__(self, document: Mapping[str, Any], names: Names, words: Sequence[str], seed: int) -> None:
        self._schemas = document.get("components", {}).get("schemas", {})
        self._names, self._words, self._random = names, words, random.Random(seed)

    def call(self, route: Route) -> Call:
        """A request for a route: what is required is there, of the rest about half."""
        path, query, headers = route.path, list[tuple[str, str]](), dict[str, str]()
        for told in route.parameters:
            name, where = told["name"], told["in"]
            if not told.get("required") and self._random.random() < 0.6:
                continue
            value = _text(self._named(name, route.path) or self._made(told.get("schema", {}), name))
            if where == "path":
                path = path.replace(f"{{{name}}}", quote(value, safe="") or "x")
            elif where == "query":
                query.append((name, value))
            else:
                headers[name] = re.sub(r"[^ -~]", "", value)
        path = re.sub(r"{[^}]*}", "x", path)
        if route.method != "GET" and self._random.random() < 0.5:
            headers["Idempotency-Key"] = f"key-{self._random.randrange(40)}"
        made = None if route.body is None else self._made(route.body, "", route.path)
        if route.is_form:
            form = {name: _text(each) for name, each in made.items()} if isinstance(made, dict) else {}
            return Call(route, path, query, headers, form=form)
        return Call(route, path, query, headers, made)

    def _named(self, name: str, path: str = "") -> str | None:
        """The name of something that is there, four times out of five."""
        if self._random.random() < 0.2:
            return None
        if name == "id" or (name == "q" and self._random.random() < 0.5):
            subject = path.split("/")[3] if path.count("/") > 2 else ""
            name = f"{subject}.id"
        known = self._names.get(name) or self._names.get(f"{name}_id") or ()
        return self._random.choice(known) if known else None

    def _made(self, schema: Mapping[str, Any], name: str, path: str = "", depth: int = 0) -> Any:
        """A value that mostly fits a JSON schema."""
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        for several in ("anyOf", "oneOf", "allOf"):
            if several in schema:
                return self._made(self._random.choice(schema[several]), name, path, depth)
        kind = schema.get("type")
        if kind == "object" or "properties" in schema:
            return self._object(schema, path, depth)
        if kind == "array":
            most = 0 if depth > DEEPEST else min(3, schema.get("maxItems", 3))
            count = self._random.randint(min(1, most), most)
            return [self._made(schema.get("items", {}), name.removesuffix("s"), path, depth + 1) for _ in range(count)]
        if kind in ("integer", "number"):
            return 1 if name == "version" else self._number(schema, kind)
        if kind == "boolean":
            return self._random.random() < 0.5
        return None if kind == "null" else self._string(schema, name, path)

    def _object(self, schema: Mapping[str, Any], path: str, depth: int) -> dict[str, Any]:
        needed = set(schema.get("required", ()))
        made = {
            name: self._made(each, name, path, depth + 1)
            for name, each in schema.get("properties", {}).items()
            if name in needed or (depth < DEEPEST and self._random.random() < 0.5)
        }
        if self._random.random() < 0.05:
            made |= {"tenant_id": self._random.choice(self._names["tenant_id"]), "created_by": "somebody else"}
        return made

    def _number(self, schema: Mapping[str, Any], kind: str) -> Any:
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = min(schema.get("maximum", schema.get("exclusiveMaximum", low + 100)), low + 100)
        if kind == "integer":
            return self._random.randint(int(low), int(max(low, high)))
        return round(low + (high - low) * self._random.random(), 3)

    def _string(self, schema: Mapping[str, Any], name: str, path: str) -> str:
        if (known := self._named(name, path)) is not None:
            return known
        kind = schema.get("format")
        if kind in ("date-time", "date", "time"):
            moment = NOW + timedelta(minutes=self._random.randint(-20_000, 20_000))
            return {"date": moment.date().isoformat(), "time": f"{moment:%H:%M:%S}"}.get(kind, moment.isoformat())
        if kind == "uuid" or "[0-9a-f]{12}" in schema.get("pattern", ""):
            return str(UUID(int=self._random.getrandbits(128)))
        if found := re.fullmatch(r"\^\(([a-z|]+)\)\$", schema.get("pattern", "")):
            return str(self._random.choice(found[1].split("|")))
        text = self._random.choice(HOSTILE) if self._random.random() < 0.15 else self._random.choice(self._words)
        return str(text)[: int(schema.get("maxLength", 1000))]


def _text(value: Any) -> str:
    """A value as it stands in an address."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(_text, value)) if isinstance(value, list) else str(value)
