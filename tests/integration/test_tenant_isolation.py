"""Two tenants ask everything that can be asked, with each other's names, and neither ever sees the other's words.

Every text of a tenant, in the log and in the tables, holds a word that nobody else knows. Requests are made up from the
gateway's routes and its OpenAPI document (`tests/attacks.py`), and go to the app itself over real Kafka and Postgres
while connections to Postgres are killed. ISOLATION_REQUESTS=100000 is the long form, ISOLATION_SEED makes others.
"""

import asyncio
import io
import os
import re
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx2
import polars as pl
import psycopg
import pytest
import structlog
from fastapi import FastAPI

from connectors.database import Database
from connectors.gateway.auth import OPERATOR_SCOPES, Tokens
from connectors.gateway.main import build
from connectors.gateway.state import State
from schemas.settings import DEFAULT_TENANT, Settings
from schemas.topics import TOPICS
from sql.database import rows_of
from sql.read_models.registry import READ_MODELS, TABLES
from streams.kafka.admin import create_topics
from streams.kafka.consumer import LogReader
from tests.attacks import Attacker, Call, routes_of
from tests.integration.events import NEIGHBOUR, await_projected, ends, kept_projector, publish
from tests.neighbours import Neighbour, fill, golden, names_of, tenant_tables, words_seen
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(3600)]

REQUESTS: Final = int(os.environ.get("ISOLATION_REQUESTS", "4000"))
SEED: Final = int(os.environ.get("ISOLATION_SEED", "8"))
AT_ONCE: Final = 6
OURS: Final = Neighbour(DEFAULT_TENANT, "a", "kestrelq7xv")
THEIRS: Final = Neighbour(NEIGHBOUR, "b", "wagtailz4mk")
BOTH: Final = {OURS: THEIRS, THEIRS: OURS}
SHAPED: Final = (
    "tenants",
    "work_calendars",
    "reallocation_suggestions",
    "reconciliation_reports",
    "reconciliation_items",
    "failure_actions",
    "failure_bulks",
)
"""Tables whose rows are documents of a form of their own, or follow from others: only requests fill them."""
KILL: Final = """
SELECT count(pg_terminate_backend(pid)) FROM (
  SELECT pid FROM pg_stat_activity
  WHERE usename = current_user AND datname = current_database() AND pid <> pg_backend_pid() ORDER BY random() LIMIT 2
) chosen
"""
# What a request may be answered with, whatever it holds: never an error that nobody thought of.
BETRAYED: Final = ("Traceback (most", 'File "/', "site-packages", "psycopg", "/connectors/gateway/")
"""What nobody outside needs to know: traces and paths."""
SECURITY_HEADERS: Final = ("content-security-policy", "x-content-type-options", "referrer-policy")
OBEYED: Final = {
    "a script": rb"text/html[\s\S]*<script>alert\(1\)",
    "a line break in a header": rb"(?i)\A(?:.+\n)*x-injected",
    "a formula": rb"text/csv[\s\S]*(?:^|[,\n])\"?=cmd",
    "a template": rb"text/html[\s\S]*49 49",
}
"""What a text of `HOSTILE` would do where it is obeyed instead of shown."""
SECRET: Final = re.compile("password|secret|token$|api_key$|database_url$")
FORESEEN: Final = {200, 201, 202, 204, 303, 307, 400, 401, 403, 404, 405, 409, 413, 422, 428, 429, 503}


@dataclass
class World:
    """A plant with both tenants in it, and the gateway over it."""

    plant: RunningPlant
    parts: State
    app: FastAPI
    names: dict[str, list[str]]
    keys: dict[Neighbour, dict[str, str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def filled(migrated: RunningPlant, tmp_path_factory: pytest.TempPathFactory) -> RunningPlant:
    """What both said is in the log and in the tables; half of the names are the same for both."""
    create_topics(migrated.settings())
    said = [each for who in BOTH for letter in ("", who.letter) for each in golden(who, letter)]
    publish(migrated.settings(), said)
    projector = kept_projector(migrated, tmp_path_factory.mktemp("projector"))
    try:
        await_projected(migrated, [each for each in said if each.topic in READ_MODELS], 120)
    finally:
        projector.stop()
    for who in BOTH:
        with rows_of(migrated.app_url, who.tenant_id) as rows:
            assert fill(rows, who, [*TABLES, *SHAPED]) == {}
    return migrated


@pytest.fixture(scope="module")
def world(filled: RunningPlant) -> Iterator[World]:
    """The gateway with all its parts started; nobody runs the folds, so no command has an outcome."""
    parts = State.build(filled.settings(rate_limit_per_minute=10**6, command_wait_seconds=0.001))
    names: dict[str, list[str]] = {}
    for who in BOTH:
        with rows_of(filled.app_url, who.tenant_id) as rows:
            for name, found in names_of(rows, tenant_tables(rows)).items():
                names[name] = sorted({*names.get(name, []), *found})
    world = World(filled, parts, build(parts), names)
    for who in BOTH:
        token = Tokens(filled.settings(tenant_id=who.tenant_id)).issue("ada", OPERATOR_SCOPES, 24 * 3600)
        world.keys[who] = {"Authorization": f"Bearer {token}"}
    # As processes log: a trace for people, with all that it names, would take seconds.
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    parts.start()
    yield world
    parts.stop()
    structlog.reset_defaults()


@asynccontextmanager
async def asking(world: World) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(world.app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://plant") as client:
        yield client


def readable(answer: httpx2.Response) -> bytes:
    """Everything that an answer tells, a table in a Parquet file too."""
    head = b"\n".join(name + b": " + value for name, value in answer.headers.raw)
    body = answer.content
    if body.startswith(b"PAR1"):
        body = pl.read_parquet(io.BytesIO(body)).write_csv().encode()
    return head + b"\n\n" + body


@dataclass
class Findings:
    """What was asked, what was answered, and whose words were seen by whom."""

    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    own: set[str] = field(default_factory=set)
    wrong: dict[tuple[str, str], str] = field(default_factory=dict)
    """One example of each complaint about each route."""

    def look(self, who: Neighbour, call: Call, answer: httpx2.Response, hidden: Collection[str]) -> None:
        """Hold an answer against what this tenant may know, and anybody."""
        told, other = readable(answer), BOTH[who]
        self.answers[call.route.label, answer.status_code] += 1
        if who.word.encode() in told and who.word not in str(call):
            self.own.add(call.route.label)
        found = ["tells of the other"] if other.word.encode() in told else []
        found += [f"tells {each}" for each in (*hidden, *BETRAYED) if each.encode() in told]
        found += [f"has no {each}" for each in SECURITY_HEADERS if each not in answer.headers]
        found += [f"obeys {name}" for name, trace in OBEYED.items() if re.search(trace, told)]
        if answer.status_code not in FORESEEN:
            found.append(f"answers {answer.status_code}")
        for each in found:
            self.wrong.setdefault((call.route.label, each), f"{call}\n{told[-400:]!r}")

    def statuses(self) -> Counter[int]:
        """How often each status was answered."""
        found: Counter[int] = Counter()
        for (_, status), count in self.answers.items():
            found[status] += count
        return found


async def send(client: httpx2.AsyncClient, call: Call, keys: dict[str, str]) -> httpx2.Response:
    """Make a call as somebody."""
    options: dict[str, Any] = {} if call.body is None else {"json": call.body}
    if call.form is not None:
        options = {"data": call.form}
    path = httpx2.URL(f"http://plant{call.path}", params=call.query or None)
    return await client.request(call.route.method, path, headers=call.headers | keys, **options)


async def test_what_the_other_has_answers_like_what_nobody_has(world: World) -> None:
    """Neither status nor body tells a name that only the other uses from one that was never used.

    It comes before the requests of all kinds: by them, each makes things of its own that are named like the other's.
    """
    reads = [route for route in routes_of(world.app) if route.method == "GET" and "_id}" in route.path]
    compared = Counter[int]()
    async with asking(world) as client:
        for route in reads:
            (name, *others) = re.findall(r"{(\w+)}", route.path)
            for who, other in BOTH.items():
                for theirs in (each for each in world.names.get(name, ()) if each.endswith(f"-{other.letter}")):
                    nobodys = f"{theirs.removesuffix(other.letter)}{'z' * len(other.letter)}"
                    told = []
                    for asked in (theirs, nobodys):
                        path = route.path.replace(f"{{{name}}}", quote(asked, safe=""))
                        for each in others:
                            path = path.replace(f"{{{each}}}", "csv")
                        query = {"at": "2026-11-20T00:00:00Z"} if path.endswith("as-of") else None
                        answer = await client.get(path, params=query, headers=world.keys[who])
                        told.append((answer.status_code, answer.text.replace(asked, "NAME")))
                    assert told[0] == told[1], f"{route.label} {theirs}"
                    compared[told[0][0]] += 1
    assert compared[404] >= 40, compared


async def test_of_all_that_can_be_asked_nothing_crosses(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    routes, findings = routes_of(world.app), Findings()
    attackers = {
        who: Attacker(world.app.openapi(), world.names, [f"{who.word} {each}" for each in "xyz"], SEED + number)
        for number, who in enumerate(BOTH)
    }
    waiting = islice(cycle((who, route) for route in routes for who in BOTH), REQUESTS)
    hidden, begin = secrets_of(world.parts.settings), time.monotonic()
    async with asking(world) as client:

        async def work() -> None:
            for who, route in waiting:
                call = attackers[who].call(route)
                findings.look(who, call, await send(client, call, world.keys[who]), hidden)

        done = threading.Event()
        killer = threading.Thread(target=_kill_connections, args=(world.plant, done))
        killer.start()
        try:
            await asyncio.gather(*(work() for _ in range(AT_ONCE)))
        finally:
            done.set()
            killer.join()
    seconds = time.monotonic() - begin
    printed = capfd.readouterr()
    assert not [each for each in hidden if each in printed.out + printed.err], "a secret is in the log"
    print(f"{REQUESTS} requests, {REQUESTS / seconds:.0f}/s, {dict(sorted(findings.statuses().items()))}")
    print(f"own words seen on {len(findings.own)} of {len(routes)} routes")
    assert not findings.wrong, "\n\n".join(f"{key}: {told}" for key, told in findings.wrong.items())
    assert {label for label, _ in findings.answers} == {route.label for route in routes}
    assert len(findings.own) >= 60, sorted(findings.own)
    for who, other in BOTH.items():
        with rows_of(world.plant.app_url, who.tenant_id) as rows:
            for table in tenant_tables(rows):
                kept = words_seen(rows, table, who.tenant_id)
                assert not [each for each in (other.word, *hidden) if each in kept], table
    assert not list(_wrong_records(world.plant, hidden))


def secrets_of(settings: Settings) -> list[str]:
    """What must be read nowhere: every secret of the settings, and the passwords in its addresses."""
    told = [str(value) for name, value in settings.model_dump().items() if value and SECRET.search(name)]
    return [urlsplit(each).password or "" if "://" in each else each for each in told if len(each) > 7]


def _kill_connections(plant: RunningPlant, done: threading.Event) -> None:
    """Kill connections of the application now and then: whoever had one gets another, of whatever tenant."""
    with psycopg.connect(plant.app_url, autocommit=True) as killer:
        while not done.wait(1):
            killer.execute(KILL)


def _wrong_records(plant: RunningPlant, hidden: Collection[str]) -> Iterator[str]:
    """Records of the log, dead letters too, that hold a secret, or one tenant's word under the key of the other."""
    goal = ends(plant, TOPICS)
    left = sum(goal.values())
    reader = LogReader(plant.settings())
    try:
        reader.read_from(dict.fromkeys(goal, 0))
        while left > 0:
            found = reader.read(1000, 10)
            assert found, f"{left} records of the log do not come"
            left -= len(found)
            for record in found:
                others = [who.word for other, who in BOTH.items() if record.key().startswith(other.tenant_id.encode())]
                if any(each.encode() in record.value() for each in (*others, *hidden)):
                    yield f"{record.topic()}/{record.partition()}/{record.offset()}"
    finally:
        reader.close()


class Ear:
    """Hears a stream of the app itself: a client over ASGI would wait for the end of the answer."""

    def __init__(self, world: World, path: str, who: Neighbour) -> None:
        self.heard = bytearray()
        self._news = asyncio.Condition()
        headers = [(b"authorization", world.keys[who]["Authorization"].encode()), (b"host", b"plant")]
        scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "headers": headers,
        }
        scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
        self._task = asyncio.create_task(world.app(scope, self._stay, self._hear))

    async def _stay(self) -> dict[str, Any]:
        await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def _hear(self, message: Any) -> None:
        async with self._news:
            self.heard.extend(message.get("body", b""))
            self._news.notify_all()

    async def until(self, text: bytes) -> None:
        """Return when this was heard. Raises TimeoutError."""
        async with asyncio.timeout(60), self._news:
            await self._news.wait_for(lambda: text in self.heard)

    async def close(self) -> None:
        """Listen no more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


async def test_a_live_stream_tells_each_their_own(world: World) -> None:
    ears = {who: Ear(world, "/api/v1/live", who) for who in BOTH}
    said = [each for who in BOTH for each in golden(who) if each.topic in READ_MODELS]
    try:
        for each in ears.values():
            await each.until(b"hello")
        for _ in range(3):
            await asyncio.to_thread(publish, world.plant.settings(), said)
        for who, each in ears.items():
            await each.until(who.word.encode())
            await each.until(b"pulse")
    finally:
        for each in ears.values():
            await each.close()
    for who, each in ears.items():
        assert BOTH[who].word.encode() not in each.heard


async def test_a_projects_stream_tells_each_their_own(world: World) -> None:
    for project in world.names["project_id"]:
        for who in BOTH:
            ear = Ear(world, f"/api/projects/{project}/live", who)
            try:
                await ear.until(b"}")
            finally:
                await ear.close()
            assert BOTH[who].word.encode() not in ear.heard


def test_a_pool_forgets_its_tenant_whatever_happens_to_a_transaction(filled: RunningPlant) -> None:
    """Transactions of both end well, by an exception, an SQL error or with their connection; none sees the other."""
    database = Database(filled.settings())
    database.open()
    wrong: list[str] = []
    endings = Counter[str]()

    def ask(who: Neighbour, number: int) -> None:
        ending = ("well", "exception", "error", "killed")[number % 4]
        try:
            with database.tenant(who.tenant_id) as rows:
                seen = words_seen(rows, "machines", who.tenant_id) + words_seen(rows, "machines", BOTH[who].tenant_id)
                if BOTH[who].word in seen or who.word not in seen:
                    wrong.append(f"{who.letter} saw {seen[:200]}")
                if ending == "exception":
                    raise LookupError("nobody knows it")
                if ending == "error":
                    rows.execute("SELECT 1/0")
                if ending == "killed":
                    rows.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        except (LookupError, psycopg.Error) as error:
            endings[type(error).__name__] += 1
        else:
            endings["well"] += 1

    try:
        with ThreadPoolExecutor(8) as threads:
            for number in range(400):
                threads.submit(ask, tuple(BOTH)[number // 4 % 2], number)
        with database._pool.connection() as bare:
            row = bare.execute("SELECT current_setting('app.current_tenant_id', true) AS tenant").fetchone()
            assert row is not None
            assert not row["tenant"]
            assert bare.execute("SELECT count(*) AS rows FROM machines").fetchone() == {"rows": 0}
    finally:
        database.close()
    assert not wrong, wrong[:3]
    assert {"well", "LookupError", "DivisionByZero", "AdminShutdown"} <= endings.keys(), endings
