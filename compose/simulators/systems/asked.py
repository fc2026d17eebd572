"""What a system is asked, what it answers, and how it says no."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

LARGEST_PAGE = 500


class Asked(NamedTuple):
    """A request as a system sees it: the path lies below the system's address, `ids` are the path's parts that vary."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    at: datetime
    ids: tuple[str, ...] = ()


class Refusal(Exception):
    """The answer is no: an HTTP status and a sentence."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence = status, sentence
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


class Route(NamedTuple):
    """A method and a path (a regular expression) that a system answers, with 200 or as its refusals say."""

    method: str
    path: str
    answer: Callable[[Asked], Any]


class System(Protocol):
    """What the simulator needs of a system. `data` can be read and set from outside, by name."""

    name: str
    data: dict[str, Any]

    @property
    def routes(self) -> Sequence[Route]:
        """What it answers."""

    def scope(self, method: str) -> str | None:
        """The scope a bearer token must have; None where callers sign in with user and password."""

    def replaced(self, name: str) -> None:
        """Somebody has set `data[name]`."""


class Body(BaseModel):
    """A body with the document's fields; others may stand beside them."""

    model_config = ConfigDict(strict=True, extra="allow")


Model = TypeVar("Model", bound=Body)


def read(model: type[Model], asked: Asked) -> Model:
    """The body as a model. Raises Refusal (400) with a sentence about the first thing that is wrong."""
    try:
        return model.model_validate_json(asked.body)
    except ValidationError as error:
        raise Refusal(400, _sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "json_invalid":
        return f"The body is not JSON: {first['msg'].removeprefix('Invalid JSON: ')}."
    if first["type"] == "missing":
        return f"The field {where} is missing."
    return f"The field {where or 'body'} cannot be used: {first['msg']}."


def page_of(asked: Asked, name: str, rows: Sequence[Any]) -> dict[str, Any]:
    """One page of many rows, as 002 section 5.2.1 shows one. Raises Refusal (400)."""
    page, size = _count(asked, "page", 1), min(_count(asked, "page_size", 100), LARGEST_PAGE)
    begin = (page - 1) * size
    return {name: list(rows[begin : begin + size]), "total_count": len(rows), "page": page, "page_size": size}


def _count(asked: Asked, name: str, default: int) -> int:
    told = asked.query.get(name) or str(default)
    if not told.isdecimal() or int(told) < 1:
        raise Refusal(400, f"The parameter {name} is a number from 1, not {told}.")
    return int(told)


def moment(asked: Asked, name: str) -> datetime | None:
    """A parameter that is a point in time with its offset from UTC. Raises Refusal (400)."""
    if not (told := asked.query.get(name)):
        return None
    try:
        found = datetime.fromisoformat(told)
    except ValueError:
        raise Refusal(400, f"The parameter {name} is a time as ISO 8601 writes it, not {told}.") from None
    if found.tzinfo is None:
        raise Refusal(400, f"The parameter {name} needs its offset from UTC: {told}.")
    return found
