"""One action on many letters: some at a time, oldest first, so that each transaction is short and order is kept."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from connectors.database import Database
from connectors.repairs.acting import Conflict, Edit, Refused, check, data_of
from connectors.repairs.origin import Letter
from schemas.settings import Settings
from sql import repairs
from sql.database import Rows
from sql.repairs import Asked

AT_ONCE: Final = 1_000


class NotDone(NamedTuple):
    """A letter that the action was not done to, and why."""

    failure_id: str
    reason: str


def act_on_all(
    database: Database,
    settings: Settings,
    tenant_id: str,
    asked: Asked,
    keys: Sequence[str],
    edit: Edit | None,
    note: Callable[[NotDone], None],
) -> int:
    """Do it to each letter that it can be done to; how many those are. The others are noted with the reason.

    Someone who acts on one of them at the same moment is before or after this, as with a single action.
    """
    accepted = 0
    for first in range(0, len(keys), AT_ONCE):
        with database.tenant(tenant_id) as rows:
            letters = repairs.hold(rows, keys[first : first + AT_ONCE])
            tried = [_tried(rows, settings, letter, asked, edit) for letter in letters]
            for each in tried:
                if isinstance(each, NotDone):
                    note(each)
            wanted = [each for each in tried if not isinstance(each, NotDone)]
            done = len(repairs.add(rows, tenant_id, asked, wanted))
            repairs.count_bulk(rows, asked.bulk_id, done)
        accepted += done
    return accepted


def _tried(
    rows: Rows, settings: Settings, letter: Letter, asked: Asked, edit: Edit | None
) -> tuple[str, bytes | None] | NotDone:
    """The key of a letter that it can be done to, with its edited bytes; or why it cannot."""
    try:
        check(letter, asked.action, None)
        return letter["failure_key"], data_of(rows, settings, letter, edit)
    except Conflict as conflict:
        return NotDone(letter["failure_id"], str(conflict))
    except Refused as error:
        where = f" ({error.path})" if error.path else ""
        return NotDone(letter["failure_id"], f"{error.reason}{where}")
