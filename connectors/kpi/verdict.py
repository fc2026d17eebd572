"""What a validator finds: a verdict with its evidence, or the reason why it could not look."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from schemas.settings import Settings


class Asked(msgspec.Struct, frozen=True, kw_only=True, tag_field="validator", forbid_unknown_fields=True):
    """What one validator of a task's `kpi_formula` is asked for; its tag is the validator's name."""


class Verdict(NamedTuple):
    """Whether what was asked holds, and the share of it that does, from 0 to 1; both None: it could not be judged.

    The evidence says what was asked, what was found and when, with the query or the hash of the file: as JSON.
    """

    is_passed: bool | None
    score: float | None
    message: str
    evidence: dict[str, Any]

    @property
    def outcome(self) -> str:
        """What came of it, in the words of the API."""
        return "not_judged" if self.is_passed is None else "passed" if self.is_passed else "failed"


class CannotJudge(Exception):
    """A validator cannot look, or was asked for what makes no sense: no failure of the task's. A sentence."""

    def __init__(self, reason: str, **evidence: Any) -> None:
        super().__init__(reason)
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Looking:
    """What validators may look at, for whom, and until when.

    `report`: test results that came with the request. `seconds_left` may be negative.
    """

    settings: Settings
    tenant_id: str
    at: datetime
    seconds_left: Callable[[], float]
    report: bytes | None = None

    def patience(self) -> float:
        """The seconds that a validator may still take. Raises CannotJudge when there are none."""
        if (left := self.seconds_left()) <= 0:
            raise CannotJudge(f"Judging took longer than the {self.settings.kpi_seconds:g} s that it may take.")
        return left


def count(number: int, noun: str) -> str:
    """A number with its noun: `1 row`, `2 rows`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
