"""The PAS: takes job cards (001 section 2), and says of a run, when it is told to, that it is over."""

import json
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from random import Random
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from compose.simulators.systems.asked import Asked, Body, Refusal, Route, read

FIRST_RUN: Final = 7_001
SUBMIT: Final = "/pas/architect/submit"
# What a task takes: medians of a lane lie within a factor of these, and complexity moves them a little.
TOKENS: Final = 3_200.0
MINUTES: Final = 5.5
USD_PER_TOKEN: Final = 0.00006
HARDER: Final = {"trivial": 0.8, "simple": 0.9, "moderate": 1.0, "complex": 1.15, "extreme": 1.3}
SPREAD: Final = 0.28


class CardTask(Body):
    """A task of a job card."""

    task_id: str = Field(min_length=1)
    lane_id: str = Field(min_length=1)
    provider: str = Field(min_length=1)
    complexity: Literal["trivial", "simple", "moderate", "complex", "extreme"]


class Card(Body):
    """A job card."""

    project_id: int = Field(ge=1)
    run_id: str = Field(min_length=1)
    run_kind: Literal["baseline", "rehearsal", "replay", "hotfix"]
    provider_matrix: dict[str, str]
    tasks: list[CardTask]


class Webhook(BaseModel):
    """Where the end of a run is told, and what it is signed with."""

    url: str = ""
    secret: str = ""


class Order(BaseModel):
    """Runs to complete, in this order, each told so many times.

    `run_ids` are the plant's or the PAS's. Actual figures follow from `seed` and the run; `drift` multiplies those of a
    lane. `bodies` are told as they are, instead; `leave_out` is how many tasks are not reported; `by_own_id` names a
    run as the PAS does.
    """

    model_config = ConfigDict(extra="forbid")

    run_ids: list[str] = Field(default_factory=list)
    bodies: list[dict[str, Any]] = Field(default_factory=list)
    times: int = Field(1, ge=1, le=100)
    seed: int = 1
    drift: dict[str, float] = Field(default_factory=dict)
    leave_out: int = Field(0, ge=0)
    seconds_ago: float = Field(0, ge=0)
    by_own_id: bool = False


class Pas:
    """The PAS. It carries out nothing by itself: who tests or shows it says when a run is over."""

    name = "pas"

    def __init__(self, webhook: Webhook) -> None:
        self.data: dict[str, Any] = {"runs": [], "webhook": webhook.model_dump()}
        self.routes = (Route("POST", SUBMIT, self._submit),)

    def scope(self, method: str) -> str:
        """It is written to only."""
        return "pas.write"

    def replaced(self, name: str) -> None:
        """Nothing follows from the data."""

    @property
    def webhook(self) -> Webhook:
        """Where the end of a run is told."""
        return Webhook(**self.data["webhook"])

    def completions(self, order: Order, now: datetime) -> list[dict[str, Any]]:
        """What is told of the runs of an order. Raises Refusal (404) for one that nobody submitted."""
        over_at = now - timedelta(seconds=order.seconds_ago)
        told = []
        for run_id in order.run_ids:
            card = self._card(run_id)
            chance = Random(f"{order.seed}/{card['run_id']}")
            name = card["pas_run_id"] if order.by_own_id else card["run_id"]
            told.append(completion(card, chance, over_at, order.drift, order.leave_out) | {"run_id": name})
        return [*told, *order.bodies]

    def _card(self, run_id: str) -> dict[str, Any]:
        for card in self.data["runs"]:
            if run_id in (card["run_id"], card["pas_run_id"]):
                return dict(card)
        raise Refusal(404, f"There is no run {run_id}.")

    def _submit(self, asked: Asked) -> dict[str, Any]:
        card = read(Card, asked)
        if any(known["run_id"] == card.run_id for known in self.data["runs"]):
            raise Refusal(409, f"Run {card.run_id} was submitted already.")
        theirs = f"PAS-{FIRST_RUN + len(self.data['runs'])}"
        self.data["runs"].append(json.loads(asked.body) | {"pas_run_id": theirs, "received_at": asked.at.isoformat()})
        return {"status": "accepted", "run_id": theirs, "tasks": len(card.tasks)}


def completion(
    card: Mapping[str, Any], chance: Random, over_at: datetime, drift: Mapping[str, float], leave_out: int = 0
) -> dict[str, Any]:
    """A run that is over, with log-normal actual figures of its tasks, the last of which are left out."""
    tasks = card["tasks"][: len(card["tasks"]) - leave_out]
    return {
        "project_id": card["project_id"],
        "run_id": card["run_id"],
        "status": "completed",
        "completed_at": over_at.isoformat(),
        "tasks": [_done(task, chance, drift.get(task["lane_id"], 1.0)) for task in tasks],
    }


def _done(task: Mapping[str, Any], chance: Random, drift: float) -> dict[str, Any]:
    """How hard a task was moves all of its figures; a lane and a provider have medians of their own."""
    usual = Random(sha256(f"{task['lane_id']}/{task['provider']}".encode()).digest())
    level = drift * HARDER[task["complexity"]] * math.exp(chance.gauss(0, SPREAD))
    tokens = TOKENS * math.exp(usual.uniform(-0.7, 0.7)) * level
    minutes = MINUTES * math.exp(usual.uniform(-0.6, 0.6)) * level * math.exp(chance.gauss(0, SPREAD / 2))
    price = USD_PER_TOKEN * math.exp(usual.uniform(-0.3, 0.3))
    return {
        "task_id": task["task_id"],
        "lane_id": task["lane_id"],
        "provider": task["provider"],
        "status": "completed",
        "tokens": round(tokens),
        "duration_minutes": round(minutes, 3),
        "cost_usd": round(tokens * price, 5),
        "quality": round(min(1.0, chance.gauss(0.95, 0.04)), 3),
    }
