"""Settles what the plant told other systems against what those systems wrote down: each thing once, none left out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from compose.simulators.systems.erp import COMPLETION
from compose.simulators.systems.records import Record

NAMES: Final = {"erp": "ERP", "mes": "MES", "hr": "HR", "wms": "WMS", "pas": "PAS"}


@dataclass(frozen=True)
class Told:
    """What the plant says: ERP orders it has completed and whether since the demo began, its deliveries, those due."""

    completed: Mapping[str, bool] = field(default_factory=dict)
    deliveries: frozenset[str] = frozenset()
    waiting: int = 0


@dataclass
class Calls:
    """What became of the calls. `arrived` are completed orders that the ERP heard of exactly once.

    `failed` are requests that got no answer or none that helps, by system; `asked` are all requests.
    """

    completed: int = 0
    arrived: int = 0
    waiting: int = 0
    asked: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    missing: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)

    @property
    def is_settled(self) -> bool:
        """Whether every completed order arrived once, nothing was done twice or unasked, and nothing waits."""
        return not (self.waiting or self.missing or self.doubled or self.invented)


def settle_calls(told: Told, records: Sequence[Record], since: datetime) -> Calls:
    """Follow every completed order to the ERP, and everything that was done back to a delivery."""
    acted = [record for record in records if record.acted]
    heard = Counter(str(record.body["erp_work_order_id"]) for record in acted if record.path == COMPLETION)
    now = sorted(order for order, is_new in told.completed.items() if is_new)
    recent = [record for record in records if record.at >= since and record.system in NAMES]
    keys = Counter((record.system, record.idempotency_key) for record in acted)
    return Calls(
        completed=len(now),
        arrived=sum(heard[order] == 1 for order in now),
        waiting=told.waiting,
        asked=Counter(record.system for record in recent),
        failed=Counter(record.system for record in recent if record.status is None or record.status >= 400),
        missing=[f"{order} is completed, and the ERP has not heard of it" for order in now if not heard[order]],
        doubled=[
            *(
                f"the ERP was told {count} times that {order} is completed"
                for order, count in heard.items()
                if count > 1
            ),
            *(f"{NAMES[system]} acted {count} times for {key}" for (system, key), count in keys.items() if count > 1),
        ],
        invented=[
            *(f"the ERP heard that {order} is completed; it is not" for order in heard if order not in told.completed),
            *(
                f"{NAMES[record.system]} acted for {record.idempotency_key}, which is no delivery of ours"
                for record in acted
                if record.idempotency_key not in told.deliveries
            ),
        ],
    )
