"""PromQL is made of checked names and quoted values, and what Prometheus answers is a number or a sentence."""

import json
import math
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kpi.latency import Latency, buckets_of, chosen, only_value, quantile_of, shape_of
from connectors.kpi.prometheus import LARGEST_ANSWER, Sample, samples
from connectors.kpi.registry import asked_of, judged
from connectors.kpi.verdict import CannotJudge
from tests.unit.test_kpi_formulas import looking

STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
ASKED = {"validator": "latency", "metric": "request_seconds", "at_most_seconds": 0.3}


def test_the_expressions_are_those_of_a_histogram() -> None:
    asked = Latency(metric="request_seconds", labels={"route": "/x", "b": "c"}, at_most_seconds=1, window_seconds=60)
    bucket = 'request_seconds_bucket{b="c",route="/x"}[60s]'
    assert quantile_of(asked) == f"histogram_quantile(0.95, sum by (le) (rate({bucket})))"
    assert buckets_of(asked) == f"sum by (le) (increase({bucket}))"


@given(
    st.dictionaries(st.from_regex(r"\A[a-z]{1,5}\Z"), st.text(st.characters(codec="utf-8"), max_size=50), max_size=3)
)
def test_a_label_never_leaves_its_quotes(labels: dict[str, str]) -> None:
    expression = chosen(labels)
    assert STRING.sub('""', expression) == (
        "{" + ",".join(f'{each}=""' for each in sorted(labels)) + "}" if labels else ""
    )
    assert [json.loads(each) for each in STRING.findall(expression)] == [labels[each] for each in sorted(labels)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"metric": 'up{job="x"}'},
        {"metric": "up\n"},
        {"metric": "up) or vector(0"},
        {"metric": "1up"},
        {"labels": {'a="b",c': "d"}},
        {"labels": {"a\n": "d"}},
        {"labels": {"a": "x" * 257}},
        {"window_seconds": "5m]) or vector(0"},
        {"quantile": "0.5"},
    ],
)
def test_names_that_are_none_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be asked so"):
        asked_of(ASKED | wrong)


def test_one_value_is_what_is_wanted() -> None:
    assert only_value([Sample({}, 0.25)]) == 0.25
    for found, words in (
        ([], "no such series"),
        ([Sample({}, 1), Sample({}, 2)], "has 2 values"),
        ([Sample({}, math.nan)], "observed nothing"),
    ):
        with pytest.raises(CannotJudge, match=words):
            only_value(found)


def test_the_shape_of_a_histogram_says_what_lies_beyond_its_largest_bucket() -> None:
    buckets = [Sample({"le": "0.1"}, 6), Sample({"le": "+Inf"}, 10), Sample({"le": "2.5"}, 8)]
    assert shape_of(buckets) == (10, 2.5, 0.8)
    for none in ([], [Sample({"le": "0.1"}, 6)], [Sample({"le": "+Inf"}, 6)], [Sample({}, 6)]):
        with pytest.raises(CannotJudge, match="no such histogram"):
            shape_of(none)


@given(
    st.integers(100, 599), st.binary(max_size=80) | st.sampled_from([b"{}", b"[]", b'{"status":"success"}', b"null"])
)
def test_whatever_answers_is_read_or_is_a_sentence(status: int, body: bytes) -> None:
    with pytest.raises(CannotJudge):
        samples(status, body)


class Fake(BaseHTTPRequestHandler):
    """Prometheus, as far as it answers what it is told to."""

    answers: list[tuple[int, bytes]]
    heard: list[bytes]

    def do_POST(self) -> None:
        """Answer the next."""
        self.heard.append(self.rfile.read(int(self.headers["content-length"])))
        status, body = self.answers.pop(0)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[HTTPServer]:
    Fake.answers, Fake.heard = [], []
    with HTTPServer(("127.0.0.1", 0), Fake) as server:
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def vector(*values: tuple[dict[str, str], str]) -> tuple[int, bytes]:
    result = [{"metric": labels, "value": [1, value]} for labels, value in values]
    return 200, json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def buckets(within: float, total: float) -> tuple[int, bytes]:
    return vector(({"le": "5"}, str(within)), ({"le": "+Inf"}, str(total)))


def asked(server: HTTPServer, entry: dict[str, Any], *answers: tuple[int, bytes]) -> Any:
    Fake.answers = list(answers)
    return judged(entry, looking(prometheus_url=f"http://127.0.0.1:{server.server_port}/"))


@pytest.mark.parametrize(("value", "is_passed", "score"), [("0.3", True, 1), ("0.6", False, 0.5), ("+Inf", False, 0)])
def test_a_quantile_is_held_against_its_limit(server: HTTPServer, value: str, is_passed: bool, score: float) -> None:
    found = asked(server, ASKED, buckets(100, 100), vector(({}, value)))
    assert (found.is_passed, found.score) == (is_passed, score)
    assert found.evidence["asked_with"] == [
        buckets_of(Latency(metric="request_seconds", at_most_seconds=0.3)),
        found.evidence["asked_with"][1],
    ]
    assert found.evidence["found"]["observations"] == 100
    assert b"query=histogram_quantile" in Fake.heard[1]


def test_nothing_observed_is_not_fast(server: HTTPServer) -> None:
    for answer in (buckets(0, 0), vector()):
        found = asked(server, ASKED, answer)
        assert (found.is_passed, found.score) == (None, None)
    found = asked(server, ASKED | {"least_observations": 50}, buckets(49, 49))
    assert "49.0 in 300 s, 50 are needed" in found.message


def test_beyond_the_largest_bucket_prometheus_says_its_bound_and_we_do_not_believe_it(server: HTTPServer) -> None:
    """Of 100 requests 10 took more than 5 s: the 95th percentile is no 5 s, though Prometheus says so."""
    found = asked(server, ASKED | {"at_most_seconds": 5}, buckets(90, 100), vector(({}, "5")))
    assert found.is_passed is False
    assert "more than 5 s, the largest bucket" in found.message
    found = asked(server, ASKED | {"at_most_seconds": 30}, buckets(90, 100), vector(({}, "5")))
    assert (found.is_passed, found.score) == (None, None)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((400, b'{"status":"error","error":"parse error"}'), "Prometheus does not answer this: parse error"),
        ((502, b"<html>"), "with 502, is no value of Prometheus"),
        ((302, b""), "with 302, is no value"),
        ((200, b'{"status":"success","data":{"resultType":"matrix","result":[{"metric":{}}]}}'), "is no value"),
        ((200, b" " * (LARGEST_ANSWER + 1)), "more than"),
    ],
)
def test_an_answer_that_is_none_is_no_failure(server: HTTPServer, answer: tuple[int, bytes], words: str) -> None:
    found = asked(server, {"validator": "latency", "query": "up", "at_most_seconds": 1}, answer)
    assert (found.is_passed, found.score) == (None, None)
    assert words in found.message


def test_an_expression_may_be_a_scalar(server: HTTPServer) -> None:
    scalar = (200, b'{"status":"success","data":{"resultType":"scalar","result":[1,"0.5"]}}')
    found = asked(server, {"validator": "latency", "query": "scalar(up)", "at_most_seconds": 1}, scalar)
    assert (found.is_passed, found.evidence["found"]) == (True, {"seconds": 0.5})


def test_prometheus_away_is_no_failure() -> None:
    found = judged(ASKED, looking(prometheus_url="http://127.0.0.1:1"))
    assert (found.is_passed, found.message) == (None, "Could not be judged: Prometheus cannot be reached.")
