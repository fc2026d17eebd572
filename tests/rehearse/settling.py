"""Waits until a plant is quiet, and takes the account."""

import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import psycopg
from confluent_kafka import KafkaException

from tests.rehearse.checks import FINDINGS, Account, compare
from tests.rehearse.expected import Expected
from tests.rehearse.ledger import read
from tests.rehearse.model import fold
from tests.rehearse.outside import Log, Outside, look_at_rows

ASK_SECONDS: Final = 2.0
# What is quiet and wrong for so long stays wrong.
GRACE_SECONDS: Final = 20.0


def account(endpoints: Mapping[str, str], folder: Path) -> Account:
    """What became of everything that the ledger in this folder names, as of now.

    Raises psycopg.OperationalError, KafkaException or TimeoutError where the plant does not answer.
    """
    log = Log(endpoints)
    try:
        return _account(endpoints, fold(read(folder)), log)
    finally:
        log.close()


def settle(endpoints: Mapping[str, str], folder: Path, seconds: float) -> Account:
    """The account as soon as it is clean; else as it is when nothing moves any more, or after so many seconds.

    Raises TimeoutError when the plant did not answer in all that time.
    """
    expected = fold(read(folder))
    until = time.monotonic() + seconds
    log = Log(endpoints)
    found, changed_at = Account(), time.monotonic()
    is_known = False
    tick = threading.Event()
    try:
        while True:
            try:
                latest = _account(endpoints, expected, log)
            except (psycopg.OperationalError, KafkaException, TimeoutError) as error:
                reason = str(error)
            else:
                is_known = True
                if latest.is_clean:
                    return latest
                if _findings(latest) != _findings(found):
                    found, changed_at = latest, time.monotonic()
            now = time.monotonic()
            if is_known and (now > until or now - changed_at > GRACE_SECONDS):
                return found
            if now > until:
                raise TimeoutError(f"The plant did not answer for {seconds:g} s: {reason}")
            tick.wait(ASK_SECONDS)
    finally:
        log.close()


def _account(endpoints: Mapping[str, str], expected: Expected, log: Log) -> Account:
    found = Outside()
    look_at_rows(endpoints, found)
    log.look(found)
    return compare(expected, found)


def _findings(found: Account) -> list[list[str]]:
    return [getattr(found, name) for name in FINDINGS]
