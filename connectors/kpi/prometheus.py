"""Prometheus, asked one question at a time: the samples of an instant query, or why there is no answer."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import httpx2
import msgspec
import structlog

from connectors.kpi.verdict import CannotJudge, Looking
from connectors.transports.addresses import PinnedHere

log = structlog.get_logger()

LARGEST_ANSWER: Final = 1024 * 1024
WELL_FORMED: Final = (200, 400, 422, 503)


class Sample(NamedTuple):
    """A value with its labels."""

    labels: Mapping[str, str]
    value: float


def ask(looking: Looking, query: str) -> list[Sample]:
    """What an expression is at the moment of looking. Raises CannotJudge."""
    base, seconds = looking.settings.prometheus_url, looking.patience()
    if not base:
        raise CannotJudge("PROMETHEUS_URL is not set.")
    form = {"query": query, "time": looking.at.isoformat(), "timeout": f"{max(1, round(seconds * 1000))}ms"}
    try:
        with (
            httpx2.Client(transport=PinnedHere(looking.settings), timeout=seconds) as client,
            client.stream("POST", f"{base.rstrip('/')}/api/v1/query", data=form) as answer,
        ):
            status, body = answer.status_code, _read(answer)
    except httpx2.TimeoutException as error:
        raise CannotJudge(f"Prometheus did not answer within {seconds:.3g} s.") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        log.warning("prometheus_is_away", reason=str(error))
        raise CannotJudge("Prometheus cannot be reached.") from error
    return samples(status, body)


def _read(answer: httpx2.Response) -> bytes:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise CannotJudge(f"Prometheus answered more than {LARGEST_ANSWER} bytes: ask for fewer series.")
    return body


def samples(status: int, body: bytes) -> list[Sample]:
    """The samples of an answer. Raises CannotJudge with Prometheus' own complaint, where there is one."""
    try:
        told: Any = msgspec.json.decode(body) if status in WELL_FORMED else None
        if told["status"] != "success":
            raise CannotJudge(f"Prometheus does not answer this: {str(told['error'])[:500]}.")
        data = told["data"]
        if data["resultType"] == "scalar":
            return [Sample({}, float(data["result"][1]))]
        return [Sample(each["metric"], float(each["value"][1])) for each in data["result"]]
    except (msgspec.DecodeError, KeyError, IndexError, TypeError, ValueError, RecursionError) as error:
        raise CannotJudge(f"What answers at PROMETHEUS_URL, with {status}, is no value of Prometheus.") from error
