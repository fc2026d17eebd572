"""How a system fails when it is told to: for how many requests, for which of them, by what chance."""

import random
import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Kind = Literal["status", "slow", "hang", "drop_before", "drop_after"]
PATTERN = r"^(status:[1-5]\d\d(:\d+)?|slow:\d+(\.\d+)?|hang|drop_before|drop_after)$"


class Fault(BaseModel):
    """One way to fail. `status:429:30` answers 429 with Retry-After 30; 429 alone says 1 second.

    `slow` acts at once and answers late; `hang` neither acts nor answers; `drop_before` and `drop_after` close the
    connection without an answer, before and after acting.
    """

    model_config = ConfigDict(extra="forbid")

    system: Literal["erp", "hr", "wms", "mes", "pas", "oauth"]
    fault: Annotated[str, Field(pattern=PATTERN)]
    times: int | None = Field(None, ge=1)
    share: float | None = Field(None, ge=0, le=1)
    path: str | None = None

    @property
    def kind(self) -> str:
        """What happens."""
        return self.fault.partition(":")[0]

    @property
    def numbers(self) -> list[float]:
        """How much of it."""
        return [float(number) for number in re.findall(r"\d+(?:\.\d+)?", self.fault)]


class Faults:
    """The faults that were ordered. Of those that fit a request, the first whose chance says so happens."""

    def __init__(self, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self.ordered: list[Fault] = []

    def order(self, fault: Fault) -> None:
        """Fail like this from now on."""
        self.ordered.append(fault)

    def heal(self, system: str | None) -> None:
        """Fail no more: one system, or all."""
        self.ordered = [fault for fault in self.ordered if system not in (None, fault.system)]

    def next(self, system: str, path: str) -> Fault | None:
        """What happens to a request."""
        for fault in self.ordered:
            if fault.system != system or (fault.path or "") not in path:
                continue
            if fault.share is not None and self._chance.random() >= fault.share:
                continue
            self._count_down(fault)
            return fault
        return None

    def _count_down(self, fault: Fault) -> None:
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self.ordered.remove(fault)
