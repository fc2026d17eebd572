"""Latencies are asked of a real Prometheus, which scrapes a histogram that this test fills."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from compose.local.identity import free_port
from connectors.kpi.latency import Latency, buckets_of
from connectors.kpi.prometheus import Sample, ask
from connectors.kpi.registry import judged
from connectors.kpi.verdict import CannotJudge, Looking, Verdict
from schemas.settings import Settings
from tests.plants import eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]

PROMETHEUS = shutil.which("prometheus")
STRANGE = 'a"} or vector(0) or up{x="\\ \n%s {} §'
BUCKETS = (0.1, 0.5, 1.0)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus that has seen 90 requests of 0.05 s and 10 of 0.4 s, all slow ones on a strange route."""
    if PROMETHEUS is None:
        pytest.skip("prometheus is not here: `make test` as root of a Debian-like machine installs it")
    registry = CollectorRegistry()
    seconds = Histogram("request_seconds", "of a request", ["route"], buckets=BUCKETS, registry=registry)
    routes = [seconds.labels(route) for route in ("/quick", "/endless", "/idle", STRANGE)]
    exporter, thread = start_http_server(0, "127.0.0.1", registry)
    folder, port = tmp_path_factory.mktemp("prometheus"), free_port()
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(_command(folder, port, exporter.server_port), stdout=log, stderr=log) as process,
    ):
        url = f"http://127.0.0.1:{port}"
        try:
            eventually(lambda: _sees(url, 4, 0), 60, "Prometheus did not scrape the histogram")
            for route, observed in zip(routes, ((0.05,) * 90, (20.0,) * 100, (), (0.4,) * 10), strict=True):
                for value in observed:
                    route.observe(value)
            eventually(lambda: _sees(url, 3, 1), 60, "Prometheus did not scrape what was observed")
            yield url
        finally:
            process.terminate()
            exporter.shutdown()
            exporter.server_close()
            thread.join()


def _command(folder: Path, port: int, target: int) -> list[str]:
    scraped = {"job_name": "here", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}
    config = {"global": {"scrape_interval": "1s"}, "scrape_configs": [scraped]}
    (folder / "prometheus.yml").write_text(json.dumps(config))
    return [
        str(PROMETHEUS),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def looking(url: str) -> Looking:
    return Looking(Settings(prometheus_url=url), "tenant", datetime.now(UTC), lambda: 20.0)


def found(url: str, query: str) -> list[Sample]:
    return ask(looking(url), query)


def _sees(url: str, routes: int, least: int) -> bool:
    """Whether so many routes have been observed at least so often, since they were first scraped."""
    try:
        return len(found(url, f"increase(request_seconds_count[5m]) >= {least}")) == routes
    except CannotJudge:
        return False


def judge(url: str, **asked: Any) -> Verdict:
    return judged({"validator": "latency", "at_most_seconds": 0.3} | asked, looking(url))


def of(route: str, **asked: Any) -> dict[str, Any]:
    return {"metric": "request_seconds", "labels": {"route": route}} | asked


def test_a_quantile_is_the_one_that_prometheus_computes(prometheus: str) -> None:
    verdict = judge(prometheus, **of("/quick"))
    assert (verdict.is_passed, verdict.score) == (True, 1)
    assert verdict.evidence["found"]["seconds"] == pytest.approx(0.095)
    assert verdict.evidence["found"]["observations"] >= 90
    (again,) = found(prometheus, verdict.evidence["asked_with"][1])
    assert again.value == pytest.approx(0.095)


def test_what_is_slower_than_asked_fails_by_how_much(prometheus: str) -> None:
    verdict = judge(prometheus, **of("/quick", at_most_seconds=0.0475))
    assert verdict.is_passed is False
    assert verdict.score == pytest.approx(0.5)
    assert "asked for: at most 0.0475 s" in verdict.message


def test_a_label_may_be_anything_and_stays_a_label(prometheus: str) -> None:
    verdict = judge(prometheus, **of(STRANGE))
    assert verdict.is_passed is False
    assert verdict.evidence["found"]["seconds"] == pytest.approx(0.48)
    for text in ('/quick" or route="', '/quick"} or vector(0) #', "/quick\n", ".*"):
        verdict = judge(prometheus, **of(text))
        assert verdict.is_passed is None
        assert "no such histogram" in verdict.message


def test_beyond_the_largest_bucket_nothing_passes(prometheus: str) -> None:
    """Prometheus says 1 s, the bound of the largest bucket, of requests that took 20."""
    (said,) = found(
        prometheus, judge(prometheus, **of("/quick")).evidence["asked_with"][1].replace("/quick", "/endless")
    )
    assert said.value == 1
    assert judge(prometheus, **of("/endless", at_most_seconds=1)).is_passed is False
    assert judge(prometheus, **of("/endless", at_most_seconds=5)).is_passed is None


def test_a_route_that_nobody_asked_and_a_metric_that_nobody_tells_are_no_failures(prometheus: str) -> None:
    verdict = judge(prometheus, **of("/idle"))
    assert verdict.is_passed is None
    assert "Too little was observed: 0.0 in 300 s" in verdict.message
    verdict = judge(prometheus, metric="nobody_tells_seconds")
    assert verdict.is_passed is None
    assert "no such histogram" in verdict.message


def test_an_expression_of_ones_own_must_have_one_value(prometheus: str) -> None:
    mean = "sum(rate(request_seconds_sum[5m])) / sum(rate(request_seconds_count[5m]))"
    assert judge(prometheus, query=mean).is_passed is False
    assert judge(prometheus, query=mean, at_most_seconds=60).is_passed is True
    assert judge(prometheus, query="scalar(up)", at_most_seconds=1).is_passed is True
    assert "has 4 values" in judge(prometheus, query="request_seconds_count").message
    assert "no such series" in judge(prometheus, query="nobody_tells").message
    assert "parse error" in judge(prometheus, query="up{").message
    assert "no value of Prometheus" in judge(prometheus, query="'text'").message


def test_the_expressions_are_understood(prometheus: str) -> None:
    asked = Latency(metric="request_seconds", at_most_seconds=1, quantile=0.999, window_seconds=86400)
    assert {each.labels["le"] for each in found(prometheus, buckets_of(asked))} == {"0.1", "0.5", "1.0", "+Inf"}


def test_what_is_not_prometheus_is_no_failure(prometheus: str) -> None:
    port = prometheus.rpartition(":")[2]
    assert httpx2.get(f"{prometheus}/metrics").status_code == 200
    assert "with 404, is no value" in judge(f"http://127.0.0.1:{port}/elsewhere", query="up").message
