"""The hourly consumption report (002 section 3.2.2): every transaction is in exactly one.

A report takes its transactions when its request is made, and keeps them until it is told: a report that fails keeps
them out of later ones, because the ERP may have acted though its answer was lost, and a retry carries the same key.
Only when a person discards its dead letter are they free for the next report; the old one then holds nothing more.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from connectors.deliveries.kind import Call, Due, Kind, New, NotNeeded, Reacted, Rows, Upload, refusing
from connectors.systems import consumption
from connectors.systems.wms_calls import refuse_failure
from schemas.settings import Settings
from sql.reads import inventory
from streams.driver import Output

SYSTEM: Final = "ERP"
BY_API, BY_FILE = "erp.material_consumption", "files.material_consumption"
PATH: Final = "/api/inventory/material-consumption"


def report_due(rows: Rows, moment: datetime, settings: Settings) -> Reacted:
    """The clock's job: report all that was used up until the full hour, if anything was."""
    is_by_file = settings.consumption_report_by == "sftp"
    if (settings.sftp_url if is_by_file else settings.erp_url) is None:
        return Reacted()
    until = full_hour(moment, settings)
    for kind in (BY_API, BY_FILE):
        inventory.free(rows, kind)
    if not inventory.is_waiting(rows, until):
        return Reacted()
    kind = BY_FILE if is_by_file else BY_API
    cause, told = f"consumption/{moment.isoformat()}", {"until": until.isoformat()}
    return Reacted((New(kind, settings.tenant_id, until.isoformat(), cause, told),))


def full_hour(moment: datetime, settings: Settings) -> datetime:
    """The plant's full hour before a moment."""
    return moment.astimezone(ZoneInfo(settings.plant_timezone)).replace(minute=0, second=0, microsecond=0)


def _taken(rows: Rows, due: Due) -> tuple[str, datetime, Sequence[dict[str, Any]]]:
    """The report's transactions, from now on its own. Raises NotNeeded where other reports tell all of them."""
    until = datetime.fromisoformat(due.told["until"])
    if due.told.get("is_given_up"):
        raise NotNeeded("Somebody gave it up; a later report tells of its transactions.")
    if not inventory.tell_until(rows, due.delivery_id, until):
        raise NotNeeded("Other reports tell of all that was used up by then.")
    return consumption.report_id(due.delivery_id, until), until, inventory.consumed(rows, due.delivery_id)


def _call(rows: Rows, due: Due, _settings: Settings) -> Call:
    identity, until, found = _taken(rows, due)
    return Call("POST", PATH, consumption.as_json(identity, until, found))


def _file(rows: Rows, due: Due, _settings: Settings) -> Upload:
    identity, _, found = _taken(rows, due)
    return Upload(f"{identity}.csv", consumption.as_csv(identity, found))


def _told(rows: Rows, due: Due, answers: Sequence[Any], at: datetime, _settings: Settings) -> Sequence[Output]:
    """The ERP knows of these transactions."""
    with refusing():
        refuse_failure(answers[-1])
    inventory.synchronized(rows, due.delivery_id, at)
    return ()


KINDS: Final = (
    Kind(
        name=BY_API,
        system=SYSTEM,
        integration_type="erp_material_consumption_outbound",
        description="reports the material used up until the full hour, by material and order (002 section 3.2.2)",
        request=_call,
        accepted=_told,
    ),
    Kind(
        name=BY_FILE,
        system="FILES",
        integration_type="erp_material_consumption_outbound",
        description="the same report as a CSV file over SFTP",
        request=_file,
        accepted=_told,
    ),
)
