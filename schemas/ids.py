"""Ids that follow from what they name: the same order or message always gets the same one."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

DEFAULT_TENANT = "00000000-0000-4000-8000-000000000001"
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def tenant_of(key: bytes, default: str = DEFAULT_TENANT) -> str:
    """The tenant in a record's key (`tenant/entity`). What names none is the plant's own, so that somebody sees it."""
    first = key.decode(errors="replace").partition("/")[0]
    return first if _UUID.fullmatch(first) else default


def work_order_id(tenant_id: str, erp_work_order_id: str) -> str:
    """Our id of an order the ERP knows by its own: `WO-` and ten characters of Crockford's base 32."""
    number = int.from_bytes(hashlib.sha256(f"{tenant_id}/{erp_work_order_id}".encode()).digest()[:7])
    return "WO-" + "".join(_CROCKFORD[(number >> shift) & 31] for shift in range(45, -1, -5))


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds since 1970, exactly."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def short(text: str, limit: int = 128) -> str:
    """The text itself, or its hash (32 hex digits) where it is longer than an id may be."""
    return text if len(text) <= limit else hashlib.sha256(text.encode()).hexdigest()[:32]


def operator_id(employee_id: str) -> str:
    """Our id of an employee of the HR system: `O-` and their id without `EMP-`."""
    return short(f"O-{employee_id.removeprefix('EMP-')}")
