"""From what Postgres holds to what the domain plans, and back; the processes that compute."""

from typing import Final

FOLLOWED: Final = "resource-status"
"""Machines that break down have proposals made."""
TOPICS: Final = ("plan-inbox", FOLLOWED)
