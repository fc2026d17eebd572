"""The MES: takes the signal that an order starts on a machine (002 section 4.2.2)."""

import json
from typing import Any

from pydantic import AwareDatetime, Field

from compose.simulators.systems.asked import Asked, Body, Refusal, Route, read

FIRST_JOB = 78_945


class Start(Body):
    """A start signal."""

    work_order_id: str = Field(min_length=1)
    erp_work_order_id: str | None
    machine_id: str = Field(min_length=1)
    operator_id: str | None
    start_time: AwareDatetime
    quantity_to_produce: float = Field(gt=0)
    product_id: str = Field(min_length=1)
    product_name: str | None


class Mes:
    """The MES. Callers sign in with user and password."""

    name = "mes"

    def __init__(self, username: str, password: str) -> None:
        self.data: dict[str, Any] = {"jobs": [], "machines": [], "users": {username: password}}
        self.routes = (Route("POST", "/api/v1/work-orders/start", self._start),)

    def scope(self, method: str) -> None:
        """HTTP Basic knows no scopes."""

    def replaced(self, name: str) -> None:
        """Nothing follows from the data."""

    def _start(self, asked: Asked) -> dict[str, Any]:
        signal = read(Start, asked)
        if self.data["machines"] and signal.machine_id not in self.data["machines"]:
            raise Refusal(404, f"There is no machine {signal.machine_id}.")
        job = f"JOB-MES-{FIRST_JOB + len(self.data['jobs'])}"
        self.data["jobs"].append(json.loads(asked.body) | {"mes_job_id": job, "received_at": asked.at.isoformat()})
        return {
            "status": "success",
            "mes_job_id": job,
            "message": f"Work order started on machine {signal.machine_id}",
        }
