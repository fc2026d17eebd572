"""An attempt in Postgres: what is to be sent, and what came of it; each in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple

import structlog

from connectors import audit
from connectors.deliveries import letters, metrics
from connectors.deliveries.kind import Due, Kind, NotNeeded, NotYet, Refused, Request, Rows
from connectors.deliveries.registry import KINDS
from connectors.deliveries.requests import read, stored
from connectors.deliveries.transactions import Transactions, passes
from connectors.resilience import CODES, Failure, next_attempt
from schemas.settings import Settings
from sql import circuits, deliveries, repairs
from streams.driver import Output, Rejected, Repair, repair_settled

log = structlog.get_logger()

EARLY: Final = timedelta(seconds=1)
FIRST_WAIT_SECONDS: Final = 0.5
LONGEST_WAIT_SECONDS: Final = 30.0
ALERT_AFTER_REFUSALS: Final = 3


@dataclass(frozen=True, slots=True)
class Prepared:
    """A delivery whose request stands."""

    row: dict[str, Any]
    kind: Kind
    due: Due
    request: Request


class Made(NamedTuple):
    """One call of an attempt, for the audit log."""

    request: Any
    response: Any
    status_code: int | None
    milliseconds: int
    error: str | None = None


class Attempts:
    """Prepares attempts and records what came of them."""

    def __init__(self, settings: Settings, transactions: Transactions) -> None:
        self._settings, self._transactions = settings, transactions

    def prepare(self, rows: Rows, delivery_id: str) -> Prepared | None:
        """The delivery with its request, which is made and frozen if this is its first attempt; None: not now."""
        row = deliveries.take(rows, delivery_id)
        now = datetime.now(UTC)
        if row is None:
            return None
        if row["due_at"] > now + EARLY:
            deliveries.schedule(rows, str(row["tenant_id"]), delivery_id, row["external_system"], row["due_at"])
            return None
        kind = KINDS.get(row["kind"])
        if kind is None:
            self.hold(rows, row, f"No kind of delivery is called {row['kind']}.")
            return None
        due = _due(row)
        if row["request"] is None and not self._freeze(rows, row, kind, due, now):
            return None
        return Prepared(row, kind, due, read(row["request"]))

    def _freeze(self, rows: Rows, row: dict[str, Any], kind: Kind, due: Due, now: datetime) -> bool:
        """Have the request made and keep it; False where there is none (yet)."""
        try:
            with rows.connection.transaction():
                request = kind.request(rows, due, self._settings)
                row["request"] = deliveries.freeze(rows, due.delivery_id, stored(request))
        except NotYet as reason:
            self.hold(rows, row, str(reason) or "What it is made of is not there yet.")
            return False
        except NotNeeded as reason:
            words = str(reason) or "There is nothing to tell any more."
            deliveries.end(
                rows, due.delivery_id, "cancelled", now, attempts=due.attempts, is_attempt=False, error=words
            )
            self._transactions.publish(self._settle(rows, row, now, Rejected("NOT_NEEDED", words)))
            metrics.ATTEMPTS.labels(kind.system, kind.name, "cancelled").inc()
            return False
        except Exception as error:
            if passes(error):
                raise
            log.exception("a request could not be made", delivery=due.delivery_id, kind=kind.name)
            words = f"No request can be made of it: {error}" if isinstance(error, Refused) else "No request can be made"
            self._give_up(rows, row, Failure("refused", f"{words.rstrip('.')}."), now, is_attempt=False)
            return False
        return True

    def hold(self, rows: Rows, row: dict[str, Any], reason: str) -> None:
        """Ask again in a moment, and in a longer one each time."""
        seconds = min(FIRST_WAIT_SECONDS * 2 ** min(row["waits"], 10), LONGEST_WAIT_SECONDS)
        deliveries.hold(rows, row["delivery_id"], datetime.now(UTC) + timedelta(seconds=seconds), "data", reason)

    def succeed(self, rows: Rows, prepared: Prepared, answers: Sequence[Any], calls: Sequence[Made]) -> str:
        """End a delivery with its answers, and say what follows from them; what came of it, in a word."""
        at = datetime.now(UTC)
        try:
            with rows.connection.transaction():
                outputs = self._accept(rows, prepared, answers, calls, at)
        except Refused as reason:
            return self.fail(rows, prepared, Failure("refused", str(reason), answer=_last(answers)), calls)
        except Exception as error:
            if passes(error):
                raise
            log.exception("an answer could not be used", delivery=prepared.due.delivery_id, kind=prepared.kind.name)
            sentence = f"The answer cannot be used: {type(error).__name__}: {error}."
            return self.fail(rows, prepared, Failure("refused", sentence, answer=_last(answers)), calls)
        self._audit(rows, prepared, calls)
        if outputs is None:
            return "superseded"
        self._transactions.publish(outputs)
        circuits.accepted(rows, prepared.kind.system)
        return "succeeded"

    def _accept(
        self, rows: Rows, prepared: Prepared, answers: Sequence[Any], calls: Sequence[Made], at: datetime
    ) -> Sequence[Any] | None:
        ended = deliveries.end(
            rows,
            prepared.due.delivery_id,
            "succeeded",
            at,
            attempts=prepared.due.attempts,
            status_code=calls[-1].status_code,
            answer=self._kept(prepared, _last(answers)),
        )
        if not ended:
            return None
        told = self._settle(rows, prepared.row, at)
        return [*prepared.kind.accepted(rows, prepared.due, answers, at, self._settings), *told]

    @staticmethod
    def _settle(rows: Rows, row: dict[str, Any], at: datetime, refusal: Rejected | None = None) -> list[Output]:
        """What this attempt means for the dead letter of an earlier one: said, if somebody had it tried again."""
        key = row["failure_key"]
        if key is None:
            return []
        told = repairs.settle_delivery(rows, key, (refusal.code, refusal.reason) if refusal else None)
        if told is None:
            return []
        return [repair_settled(Repair(key, told.action_id), str(row["tenant_id"]), at, refusal=refusal)]

    def fail(self, rows: Rows, prepared: Prepared, failure: Failure, calls: Sequence[Made]) -> str:
        """Count a failed attempt: again later, or no more; what came of it, in a word."""
        at, row = datetime.now(UTC), prepared.row
        self._audit(rows, prepared, calls)
        earlier = int(row["failures"].get(failure.trouble, 0))
        seconds = next_attempt(self._settings, failure.trouble, earlier, failure.retry_after)
        metrics.TROUBLES.labels(prepared.kind.system, failure.trouble).inc()
        if seconds is None:
            self._give_up(rows, row, failure, at)
            return "failed"
        deliveries.again(
            rows,
            prepared.due.delivery_id,
            at + timedelta(seconds=seconds),
            at,
            attempts=prepared.due.attempts,
            status_code=failure.status_code,
            error=failure.sentence,
            answer=self._kept(prepared, failure.answer),
            failures={failure.trouble: earlier + 1},
        )
        return "retried"

    def _give_up(
        self, rows: Rows, row: dict[str, Any], failure: Failure, at: datetime, *, is_attempt: bool = True
    ) -> None:
        """End a delivery as failed: a dead letter for manual review, and an alert.

        Where somebody had it tried again from its dead letter, it is that letter that waits again.
        """
        is_retry = row["failure_key"] is not None and repairs.in_flight(rows, row["failure_key"]) is not None
        ended = deliveries.end(
            rows,
            row["delivery_id"],
            "failed",
            at,
            attempts=row["attempts"],
            is_attempt=is_attempt,
            status_code=failure.status_code,
            error=failure.sentence,
            answer=audit.kept(failure.answer, is_personal=row["external_system"] == "HR"),
            failure_key=None if is_retry else letters.failure_key(row["delivery_id"], row["rounds"]),
        )
        if not ended:
            return
        KINDS[row["kind"]].failed(rows, _due(row), failure.sentence, at)
        settled = self._settle(rows, row, at, Rejected(CODES[failure.trouble], failure.sentence))
        said = [
            *(settled or [letters.dead_letter(row, failure.trouble, failure.sentence, at)]),
            letters.failed_alert(row, failure.trouble, failure.sentence, at),
        ]
        if failure.trouble == "unauthorized":
            refusals = circuits.refused(rows, row["external_system"])
            if refusals == ALERT_AFTER_REFUSALS:
                said.append(letters.unauthorized_alert(row, refusals, at))
        self._transactions.publish(said)

    def _audit(self, rows: Rows, prepared: Prepared, calls: Sequence[Made]) -> None:
        """A line for each call that was made."""
        is_personal = prepared.kind.system == "HR"
        for call in calls:
            audit.line(
                rows,
                prepared.due.tenant_id,
                prepared.kind.integration_type,
                "outbound",
                prepared.kind.system,
                request=audit.kept(call.request, is_personal=is_personal),
                response=audit.kept(call.response, is_personal=is_personal),
                status_code=call.status_code,
                milliseconds=call.milliseconds,
                error=call.error,
                correlation_id=prepared.due.correlation_id,
                delivery_id=prepared.due.delivery_id,
            )

    @staticmethod
    def _kept(prepared: Prepared, answer: Any) -> Any:
        return audit.kept(answer, is_personal=prepared.kind.system == "HR")


def _due(row: dict[str, Any]) -> Due:
    fields = {name: row[name] for name in Due._fields}
    return Due(**fields | {"tenant_id": str(row["tenant_id"])})


def _last(answers: Sequence[Any]) -> Any:
    return answers[-1] if answers else None
