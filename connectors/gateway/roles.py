"""What people may: a role is a set of scopes, and every route asks for a scope."""

from collections.abc import Iterable
from typing import Final

READ: Final = "plant.read"
OPERATE: Final = "plant.operate"
PLAN: Final = "plant.plan"
REPAIR: Final = "plant.repair"

ROLES: Final[dict[str, tuple[str, ...]]] = {
    "viewer": (READ,),
    "operator": (READ, OPERATE),
    "planner": (READ, OPERATE, PLAN),
    "integration_admin": (READ, OPERATE, REPAIR),
    "admin": (READ, OPERATE, PLAN, REPAIR),
}


def scopes_of(roles: Iterable[str]) -> tuple[str, ...]:
    """The scopes of all these roles together, in a fixed order. Roles that nobody knows give none."""
    granted = {scope for role in roles for scope in ROLES.get(role, ())}
    return tuple(scope for scope in ROLES["admin"] if scope in granted)


def role_of(scopes: Iterable[str]) -> str:
    """The role to show for somebody's scopes: the largest that they cover."""
    held = set(scopes)
    covered = [role for role, needed in ROLES.items() if held.issuperset(needed)]
    return max(covered, key=lambda role: len(ROLES[role]), default="none")
