"""The passport of an order: what it was asked for, and every reading that counted for it."""

from typing import Final

from connectors.gateway.passports.evidence import MOST_MESSAGES, Claim, Made, contradictions, place_of, read
from connectors.gateway.problems import Problem
from connectors.gateway.state import State
from sql.reads.evidence import Evidence
from streams.domain.passports import ORDER, order_values

MAIN: Final = "progress_percentage"


def make(parts: State, tenant_id: str, work_order_id: str) -> Made:
    """All figures of an order, computed again from its messages. Raises Problem 404 and 503."""
    with parts.database.tenant(tenant_id) as rows:
        reads = Evidence(rows, work_order_id)
        order = reads.order()
        if order is None:
            raise Problem(404, f"No work order {work_order_id} is known.")
        version = order["version"]
        ordered, readings = reads.ordered(version), reads.readings(version, MOST_MESSAGES + 1)
        unaccounted = reads.unaccounted(version)
    claims = [
        Claim(
            place_of(row["caused_by"]),
            {name: row[name] for name in ("quantity_ordered", "units", "scrapped_units") if name in row},
        )
        for row in sorted([*ordered, *readings[:MOST_MESSAGES]], key=lambda row: row["version"])
    ]
    messages = read(parts.records, tenant_id, (claim.place for claim in claims))
    told = (messages.told[claim.place].payload for claim in claims if claim.place in messages.told)
    is_all = len(readings) <= MOST_MESSAGES
    differences = contradictions(claims, messages)
    if not is_all:
        differences.append(f"It has more than {MOST_MESSAGES} readings; so many are not computed again at once.")
    if unaccounted:
        differences.append(
            f"{unaccounted} of its {version} changes have no row; `python -m streams rebuild` makes them."
        )
    again = order_values(told) if is_all else None
    return Made("order", work_order_id, ORDER, order["unit_of_measure"], order, again, claims, messages, differences)
