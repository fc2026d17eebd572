"""Operators who clear dead letters, and click twice."""

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from tests.rehearse.ledger import Saying
from tests.rehearse.stimuli.web import Request, Voice

PATH: Final = "/api/v1/failures"
CLICKS: Final = 2
# Letters that nobody can repair are discarded; a count for an unknown order goes to the order that was meant.
HOPELESS: Final = ("INVALID_JSON", "TRUNCATED_JSON", "NOT_UTF8", "NESTED_TOO_DEEP", "MESSAGE_TOO_LARGE")
REPAIRABLE: Final = "UNKNOWN_WORK_ORDER"
COUNT: Final = "production.counted"


class Operators:
    """A turn: one dead letter, two people, one deed."""

    def __init__(self, voice: Voice, order: str, seed: int) -> None:
        self._voice, self._order = voice, order
        self._chance = random.Random(f"{seed}/operators")
        self._people = ThreadPoolExecutor(CLICKS, thread_name_prefix="operator")
        self._done: set[str] = set()

    def turn(self) -> None:
        """Deal with one letter, if there is one."""
        wanted = self._chance.choice((*[REPAIRABLE] * 3, *HOPELESS))
        page = self._voice.get(PATH, status="pending_manual_review", code=wanted, limit=50)
        letters = [each for each in (page or {}).get("failures", []) if each["failure_key"] not in self._done]
        if not letters:
            return
        letter = self._chance.choice(letters)
        asked = self._repair(letter) if wanted == REPAIRABLE else self._discard(letter)
        if asked is None:
            return
        self._done.add(letter["failure_key"])
        list(self._people.map(lambda click: self._voice.ask(click, once=True), [asked] * CLICKS))

    def close(self) -> None:
        """Let the operators go."""
        self._people.shutdown()

    def _discard(self, letter: dict[str, Any]) -> Request:
        key = letter["failure_key"]
        saying = Saying(f"discard-{key}", "operators", "discard", key, _json({"reason": "nobody can read it"}), {})
        return Request(saying, f"{PATH}/{letter['failure_id']}/discard")

    def _repair(self, letter: dict[str, Any]) -> Request | None:
        found = self._voice.get(f"{PATH}/{letter['failure_id']}")
        original = (found or {}).get("original_message") or {}
        if original.get("type") != COUNT:
            return None
        key = letter["failure_key"]
        body = {
            "edits": [{"op": "replace", "path": "/payload/work_order_id", "value": self._order}],
            "reason": "a typing error",
        }
        about = {"order": self._order, "reading": original["payload"]["log_id"], "units": original["payload"]["units"]}
        saying = Saying(f"edit-retry-{key}", "operators", "edit_retry", key, _json(body), about)
        return Request(saying, f"{PATH}/{letter['failure_id']}/edit-retry")


def _json(body: dict[str, Any]) -> bytes:
    return json.dumps(body).encode()
