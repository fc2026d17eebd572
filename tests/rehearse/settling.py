"""Waits until a plant is quiet, and takes the account."""

import threading
import time
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg
from confluent_kafka import KafkaException

from compose.demo.evidence import look_at_calls
from compose.demo.outbound import settle_calls
from compose.simulators.systems.records import Record, read_records
from tests.rehearse.checks import FINDINGS, Account, Tally, compare
from tests.rehearse.ledger import read
from tests.rehearse.model import fold
from tests.rehearse.outside import Log, Outside, look_at_rows

ASK_SECONDS: Final = 2.0
# What is quiet and wrong for so long stays wrong.
GRACE_SECONDS: Final = 20.0


def account(endpoints: Mapping[str, str], folder: Path, systems: Path | None = None) -> Account:
    """What became of everything that the ledger in this folder names, as of now.

    `systems`: what the simulated systems around the plant wrote down, where there are some. Raises
    psycopg.OperationalError, KafkaException or TimeoutError where the plant does not answer.
    """
    with closing(_Accountant(endpoints, folder, systems)) as accountant:
        return accountant.look()


def settle(endpoints: Mapping[str, str], folder: Path, seconds: float, systems: Path | None = None) -> Account:
    """The account as soon as it is clean; else as it is when nothing moves any more, or after so many seconds.

    Raises TimeoutError when the plant did not answer in all that time.
    """
    until = time.monotonic() + seconds
    found, changed_at, reason = None, time.monotonic(), ""
    tick = threading.Event()
    with closing(_Accountant(endpoints, folder, systems)) as accountant:
        while True:
            try:
                latest = accountant.look()
            except (psycopg.OperationalError, KafkaException, TimeoutError) as error:
                reason = str(error)
            else:
                if latest.is_clean:
                    return latest
                if found is None or _findings(latest) != _findings(found):
                    found, changed_at = latest, time.monotonic()
            now = time.monotonic()
            if found and (now > until or now - changed_at > GRACE_SECONDS):
                return found
            if now > until:
                raise TimeoutError(f"The plant did not answer for {seconds:g} s: {reason}")
            tick.wait(ASK_SECONDS)


class _Accountant:
    """Knows what must have become of everything, and looks what has."""

    def __init__(self, endpoints: Mapping[str, str], folder: Path, systems: Path | None) -> None:
        self._endpoints, self._systems = endpoints, systems
        said = read(folder)
        self._expected = fold(said)
        self._since = datetime.fromtimestamp(said[0].intent.sent_at if said else 0, UTC)
        self._log = Log(endpoints)

    def look(self) -> Account:
        """The account as of now."""
        found = Outside()
        look_at_rows(self._endpoints, found)
        self._log.look(found)
        account = compare(self._expected, found)
        if self._systems and self._systems.exists():
            self._look_at_systems(account, list(read_records(self._systems)))
        return account

    def _look_at_systems(self, account: Account, records: list[Record]) -> None:
        """The systems around the plant were told everything once: by their own records."""
        told = look_at_calls(self._endpoints["DATABASE_URL"], self._endpoints["TENANT_ID"], self._since)
        calls = settle_calls(told, records, self._since)
        account.lost += calls.missing
        account.lost += [f"{calls.waiting} deliveries are still waiting"] if calls.waiting else []
        account.doubled += calls.doubled
        account.invented += calls.invented
        account.channels["calls to other systems"] = Tally(calls.completed, calls.arrived)

    def close(self) -> None:
        """Let go of Kafka."""
        self._log.close()


def _findings(found: Account) -> list[list[str]]:
    """In an order of their own: Postgres gives the same rows now in one order, now in another."""
    return [sorted(getattr(found, name)) for name in FINDINGS]
