"""The demo from start to end: a plant with simulators, a live view, and an account of every message."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import httpx2
import psycopg
from rich.console import Console
from rich.live import Live
from rich.text import Text

from compose.demo import screen, summary
from compose.demo.accounts import Account, settle
from compose.demo.evidence import look, look_at_calls
from compose.demo.outbound import settle_calls
from compose.demo.signals import Mode, Signals
from compose.demo.watch import Picture, Watcher
from compose.local.plant import LocalPlant
from compose.local.processes import SIMULATORS, SYSTEMS
from compose.simulators.ledger import Entry, read_entries
from compose.simulators.systems.records import read_records

TITLE: Final = "A living plant"
LEDGERS: Final = ("mqtt.jsonl", "erp.jsonl", "people.jsonl")
TRAFFIC: Final = tuple(name for name in SIMULATORS if name != SYSTEMS)
# The simulated ERP fails half of its answers: a quarter says 500, a quarter acts and then drops the connection.
FAULTS: Final = (
    {"system": "erp", "fault": "status:500", "share": 0.25},
    {"system": "erp", "fault": "drop_after", "share": 1 / 3},
)
# What takes minutes in a factory takes seconds here.
SETTINGS: Final = {
    "RETRY_SERVER_ERROR": "1,2,4" + ",4" * 12,
    "RETRY_NETWORK": "0,1,2,4" + ",4" * 12,
    "RETRY_TIMEOUT": "1,2,4,4,4,4",
    "BREAKER_SECONDS": "4",
    "CALL_TIMEOUT_SECONDS": "5",
}
PAGE_SECONDS: Final = 1.0
LINE_SECONDS: Final = 3.0
# How long the account may take; and how long for what does not heal by waiting, such as something counted twice.
SETTLE_SECONDS: Final = 90.0
GRACE_SECONDS: Final = 5.0
# How long the ERP goes on failing while the last reports are on their way.
HEAL_SECONDS: Final = 10.0
ASK_SECONDS: Final = 0.5
LINES_BESIDE_ORDERS: Final = 30


class Demo:
    """One run of the demo."""

    def __init__(self, console: Console, duration: float | None, workers: int = 1, brokers: int | None = None) -> None:
        self._console, self._duration = console, duration
        self._began, self._since = time.monotonic(), datetime.now(UTC)
        self._plant = LocalPlant(
            workers=workers, brokers=brokers, simulators=True, report=self._step, settings=SETTINGS
        )
        self._ledgers = self._plant.folder.path / "ledger"
        self._earlier = {name: self._read(name) for name in LEDGERS}
        self._first_row_seconds: float | None = None
        self._signals = Signals()

    def run(self) -> int:
        """Start, watch, settle, stop. 0 if every message is accounted for."""
        with self._signals.heard():
            try:
                self._plant.up()
                self._break_the_erp()
                seconds = self._watch()
                account = self._settle(seconds)
            finally:
                self._signals.mode = Mode.NOTHING
                self._stop()
        return 0 if account.is_settled else 1

    def _stop(self) -> None:
        self._say("Stopping everything.")
        self._plant.down()
        self._say("Nothing runs any more. The data stay: `make demo` goes on with them, `make wipe` deletes them.")

    # -- starting ------------------------------------------------------------------------------------------------------

    def _step(self, step: str) -> None:
        self._console.print(f"  [dim]{time.monotonic() - self._began:5.1f} s[/]  {step}", soft_wrap=True)
        if step == "gateway is ready":
            self._show_doors()

    def _show_doors(self) -> None:
        """Say early where people can look, while the rest still starts."""
        for name, address in self._doors().items():
            self._console.print(Text.assemble("           ", (f"{name:13}", "bold"), (address, "cyan")), soft_wrap=True)

    def _doors(self) -> dict[str, str]:
        found = self._plant.endpoints()
        return {
            "console": f"{found['GATEWAY_URL']}/",
            "signs you in": f"{found['GATEWAY_URL']}/login#token={found['ADMIN_TOKEN']}",
        }

    def _break_the_erp(self) -> None:
        """Have the simulated ERP fail half of its answers."""
        for fault in FAULTS:
            httpx2.post(self._control(), json=fault).raise_for_status()
        self._say("The simulated ERP fails half of its answers from now on: 500, or silence after it has acted.")

    def _heal_the_erp(self) -> bool:
        """Let the ERP answer well again, so that nobody waits long for the last reports."""
        httpx2.delete(self._control()).raise_for_status()
        self._say(f"{HEAL_SECONDS:.0f} seconds are over: the simulated ERP answers every call again.")
        return True

    def _control(self) -> str:
        return f"{self._plant.endpoints()['ERP_URL'].removesuffix('/erp')}/_control/faults"

    # -- watching ------------------------------------------------------------------------------------------------------

    def _watch(self) -> float:
        """Show the plant until the time is over or somebody asks to stop; seconds it was shown."""
        begin = time.monotonic()
        deadline = begin + (self._duration or float("inf"))
        erp_before = len(self._earlier["erp.jsonl"])
        watcher = Watcher(
            self._plant.endpoints(),
            self._since,
            self._plant.status,
            erp_said=lambda: len(self._read("erp.jsonl")) - erp_before,
        )
        self._signals.mode = Mode.END
        with self._display() as display:
            while not self._signals.ended.is_set() and time.monotonic() < deadline:
                picture = watcher.look()
                self._remember_first_row(picture)
                display(picture)
                period = PAGE_SECONDS if self._console.is_terminal else LINE_SECONDS
                self._signals.ended.wait(max(0.0, min(period, deadline - time.monotonic())))
        watcher.close()
        return time.monotonic() - begin

    def _remember_first_row(self, picture: Picture) -> None:
        if self._first_row_seconds is None and picture.database and picture.database.first_at:
            self._first_row_seconds = (picture.database.first_at - self._since).total_seconds()

    @contextmanager
    def _display(self) -> Iterator[Callable[[Picture], None]]:
        """A page that is drawn anew, or line after line where there is no terminal."""
        if not self._console.is_terminal:
            yield lambda picture: self._say(screen.line(picture))
            return
        doors = self._doors()
        with Live(console=self._console, auto_refresh=False, transient=True) as live:

            def draw(picture: Picture) -> None:
                orders_shown = max(3, self._console.height - LINES_BESIDE_ORDERS)
                live.update(screen.page(picture, TITLE, doors, orders_shown), refresh=True)

            yield draw

    # -- settling ------------------------------------------------------------------------------------------------------

    def _settle(self, seconds: float) -> Account:
        """Let the simulators fall silent, wait until every message is accounted for, and tell what became of each."""
        self._signals.mode = Mode.BREAK_OFF
        with self._reason() as tell:
            tell("The simulators fall silent.")
            self._plant.stop(TRAFFIC)
            account = self._await_account(tell)
        path = self._plant.folder.path / "demo.json"
        summary.write(path, account, seconds, self._first_row_seconds)
        self._console.print(summary.table(account, seconds, self._first_row_seconds))
        self._say(f"The same as JSON: {path}")
        return account

    def _await_account(self, tell: Callable[[str], None]) -> Account:
        """Ask Postgres until all is settled, or until it is clear that it will not be."""
        begin, is_healed = time.monotonic(), False
        while True:
            account = self._account()
            waited = time.monotonic() - begin
            is_coming = account is None or account.lost or account.calls.missing or account.calls.waiting
            patience = SETTLE_SECONDS if is_coming else GRACE_SECONDS
            if account and (account.is_settled or waited > patience):
                return account
            if waited > patience:
                raise TimeoutError(f"Postgres did not answer for {waited:.0f} seconds.")
            tell(_reason_to_wait(account))
            if waited > HEAL_SECONDS and not is_healed:
                is_healed = self._heal_the_erp()
            threading.Event().wait(ASK_SECONDS)

    def _account(self) -> Account | None:
        """The account as of now; None while Postgres does not answer."""
        found = self._plant.endpoints()
        entries = [entry for name in LEDGERS for entry in self._read(name)[len(self._earlier[name]) :]]
        earlier = [entry for name in LEDGERS for entry in self._earlier[name]]
        try:
            evidence = look(found["DATABASE_URL"], found["TENANT_ID"], self._since)
            told = look_at_calls(found["DATABASE_URL"], found["TENANT_ID"], self._since)
        except psycopg.OperationalError:
            return None
        account = settle(entries, evidence, earlier)
        account.calls = settle_calls(told, list(read_records(self._ledgers / "systems.jsonl")), self._since)
        return account

    @contextmanager
    def _reason(self) -> Iterator[Callable[[str], None]]:
        """Says what is waited for: in place on a terminal, elsewhere line by line and each sentence once."""
        if self._console.is_terminal:
            with self._console.status("") as status:
                yield status.update
            return
        told: set[str] = set()

        def tell(sentence: str) -> None:
            if sentence not in told:
                told.add(sentence)
                self._say(sentence)

        yield tell

    def _read(self, name: str) -> list[Entry]:
        return read_entries(self._ledgers / name)

    def _say(self, sentence: str) -> None:
        self._console.print(sentence, soft_wrap=True, markup=False)


def _reason_to_wait(account: Account | None) -> str:
    if account is None:
        return "Postgres does not answer; asking again."
    if account.lost:
        return f"Waiting for {len(account.lost)} of {account.sent.total()} messages; the first is {account.lost[0]}."
    if account.calls.missing or account.calls.waiting:
        waiting = account.calls.waiting
        return (
            f"Waiting for {waiting} {'delivery' if waiting == 1 else 'deliveries'}; the ERP has heard of "
            f"{account.calls.arrived} of {account.calls.completed} completed orders."
        )
    return "Everything has arrived; looking again at what does not add up."
