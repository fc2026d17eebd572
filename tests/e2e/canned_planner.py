"""The schedule's page without a plant: the real gateway's page and files, over an API that answers from memory.

What it answers goes through the same views as the real API's; that the two agree is what the suite of the plant asks.
"""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from connectors.gateway.main import build
from connectors.gateway.roles import scopes_of
from connectors.gateway.state import State
from schemas.views.promises import SchedulePromises
from schemas.views.schedules import (
    MoveAccepted,
    MoveBody,
    MoveCheck,
    ProposalList,
    ProposalView,
    ScheduleHead,
    ScheduleList,
)
from tests.gateways import without_postgres
from tests.schedules import named

API: Final = "/api/v1"


class CannedPlanner:
    """Schedules in memory, the first of them in force; a move is checked against the operations of its work centre."""

    def __init__(self, *schedules: dict[str, Any]) -> None:
        self.schedules = {each["schedule_id"]: each for each in schedules}
        self.current: str | None = schedules[0]["schedule_id"] if schedules else None
        self.proposals: list[dict[str, Any]] = []
        self.machines = [{"machine_id": f"M-{number}", "status": "running"} for number in (201, 202, 203)]
        self.checks: list[MoveBody] = []
        self.asked: list[dict[str, Any]] = []
        self._listeners: list[tuple[asyncio.AbstractEventLoop, asyncio.Queue[str]]] = []

    @property
    def shown(self) -> dict[str, Any]:
        """The schedule in force."""
        assert self.current is not None
        return self.schedules[self.current]

    def say(self, *events: dict[str, Any]) -> None:
        """Tell all who look on."""
        for loop, queue in self._listeners:
            loop.call_soon_threadsafe(queue.put_nowait, json.dumps(events))

    def put_in_force(self, schedule: dict[str, Any]) -> None:
        """Another schedule instead of the one before."""
        self.shown["status"] = "superseded"
        self.schedules[schedule["schedule_id"]] = schedule
        self.current = schedule["schedule_id"]
        self.say({"type": "schedule.accepted", "id": self.current, "payload": {"schedule_id": self.current}})

    def propose(self, proposal: dict[str, Any]) -> None:
        """A proposal, as the planner makes one."""
        self.proposals.insert(0, ProposalView.model_validate(proposal).model_dump(mode="json"))
        identity = proposal["proposal_id"]
        self.say({"type": "proposal.made", "id": identity, "payload": {"proposal_id": identity}})

    def moved(self, schedule: dict[str, Any], body: MoveBody) -> dict[str, Any]:
        """The schedule with an operation elsewhere, as its next version."""
        version = json.loads(json.dumps(schedule)) | {"status": "accepted"}
        version["schedule_id"] = named(schedule["schedule_id"], body.run_id, body.work_center_id, body.start_at)
        (found,) = (each for each in version["operations"] if each["run_id"] == body.run_id)
        shift = body.start_at - datetime.fromisoformat(found["start_at"])
        for name in ("setup_from", "start_at", "end_at"):
            found[name] = (datetime.fromisoformat(found[name]) + shift).isoformat()
        found["work_center_id"] = body.work_center_id
        return dict(version)

    def check(self, schedule: dict[str, Any], body: MoveBody) -> MoveCheck:
        """Refused where another operation is in the way, or where one before it in its order has not ended."""
        self.checks.append(body)
        (found,) = (each for each in schedule["operations"] if each["run_id"] == body.run_id)
        shift = body.start_at - datetime.fromisoformat(found["start_at"])
        begin, end = (datetime.fromisoformat(found[name]) + shift for name in ("setup_from", "end_at"))
        reasons = [
            f"{each['order_number']} is there until {each['end_at'][11:16]}."
            for each in schedule["operations"]
            if each["work_center_id"] == body.work_center_id
            and each["run_id"] != body.run_id
            and datetime.fromisoformat(each["setup_from"]) < end
            and begin < datetime.fromisoformat(each["end_at"])
        ]
        reasons += [
            f"{each['operation']} comes before it and ends at {each['end_at'][11:16]}."
            for each in schedule["operations"]
            if each["run_id"] in found["predecessors"] and datetime.fromisoformat(each["end_at"]) > body.start_at
        ]
        own = {
            "run_id": body.run_id,
            "order_number": found["order_number"],
            "from_work_center_id": found["work_center_id"],
            "from_start_at": found["start_at"],
            "to_work_center_id": body.work_center_id,
            "to_start_at": body.start_at,
        }
        told = {"is_allowed": not reasons, "violations": reasons[:3], "moved": [own], "late_orders": []}
        return MoveCheck.model_validate(told)

    async def listen(self) -> AsyncGenerator[dict[str, str]]:
        """The live stream."""
        mine = (asyncio.get_running_loop(), asyncio.Queue[str]())
        self._listeners.append(mine)
        yield {"event": "hello", "data": "{}"}
        try:
            while True:
                yield {"event": "changes", "data": await mine[1].get()}
        finally:
            self._listeners.remove(mine)


def _problem(status: int, detail: str) -> Response:
    return JSONResponse({"detail": detail, "status": status}, status)


def _routes(planner: CannedPlanner) -> list[Route]:
    async def schedules(request: Request) -> Response:
        if request.method == "POST":
            planner.asked.append(await request.json())
            return JSONResponse({"id": "1", "status": "queued", "status_url": f"{API}/schedules/1"}, 202)
        heads = [{name: each[name] for name in ScheduleHead.model_fields} for each in planner.schedules.values()]
        return JSONResponse(ScheduleList.model_validate({"schedules": heads}).model_dump(mode="json"))

    async def schedule(request: Request) -> Response:
        name = request.path_params["schedule"]
        found = planner.schedules.get(planner.current or "" if name == "current" else name)
        return JSONResponse(found) if found else _problem(404, "There is no such schedule.")

    async def promises(request: Request) -> Response:
        found = planner.schedules.get(request.path_params["schedule"])
        return JSONResponse(promised(found)) if found else _problem(404, "There is no such schedule.")

    async def check(request: Request) -> Response:
        body = MoveBody.model_validate_json(await request.body())
        return JSONResponse(
            planner.check(planner.schedules[request.path_params["schedule"]], body).model_dump(mode="json")
        )

    async def move(request: Request) -> Response:
        body = MoveBody.model_validate_json(await request.body())
        before = planner.schedules[request.path_params["schedule"]]
        told = planner.check(before, body)
        if not told.is_allowed:
            return _problem(409, " ".join(told.violations))
        after = planner.moved(before, body)
        planner.put_in_force(after)
        accepted = MoveAccepted(schedule_id=after["schedule_id"], moved=told.moved, late_orders=[])
        return JSONResponse(accepted.model_dump(mode="json"))

    async def proposals(_: Request) -> Response:
        return JSONResponse(ProposalList.model_validate({"proposals": planner.proposals}).model_dump(mode="json"))

    async def decide(request: Request) -> Response:
        name, verb = request.path_params["proposal"], request.path_params["verb"]
        (found,) = (each for each in planner.proposals if each["proposal_id"] == name)
        found["status"] = {"accept": "accepted", "dismiss": "dismissed"}[verb]
        if verb == "accept":
            after = planner.shown
            for each in found["moves"]:
                where = {name: each[f"to_{name}"] for name in ("work_center_id", "start_at")}
                after = planner.moved(after, MoveBody.model_validate({"run_id": each["run_id"]} | where))
            planner.put_in_force(after)
        return JSONResponse(found)

    async def machines(_: Request) -> Response:
        return JSONResponse({"machines": planner.machines})

    async def live(_: Request) -> Response:
        stream: Response = EventSourceResponse(planner.listen())
        return stream

    return [
        Route(f"{API}/schedules", schedules, methods=["GET", "POST"]),
        Route(f"{API}/schedules/{{schedule}}", schedule),
        Route(f"{API}/schedules/{{schedule}}/promises", promises),
        Route(f"{API}/schedules/{{schedule}}/check", check, methods=["POST"]),
        Route(f"{API}/schedules/{{schedule}}/moves", move, methods=["POST"]),
        Route(f"{API}/proposals", proposals),
        Route(f"{API}/proposals/{{proposal}}/{{verb}}", decide, methods=["POST"]),
        Route(f"{API}/machines", machines),
        Route(f"{API}/live", live),
    ]


class CannedConsole:
    """Where the page is, and tokens for those who look at it."""

    def __init__(self, home: str, parts: State) -> None:
        self.home, self._parts = home, parts

    def token(self, role: str) -> str:
        """A session of somebody with a role."""
        return self._parts.tokens.issue("Robin", scopes_of([role]), 3_600)


@contextmanager
def served(planner: CannedPlanner) -> Iterator[CannedConsole]:
    """The page over this planner, on a free port of the loopback."""
    with without_postgres() as parts:
        yield from _served(planner, parts)


def _served(planner: CannedPlanner, parts: State) -> Iterator[CannedConsole]:
    app = Starlette(routes=[*_routes(planner), Mount("/", app=build(parts))])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield CannedConsole(f"http://127.0.0.1:{listener.getsockname()[1]}", parts)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def promised(schedule: dict[str, Any]) -> dict[str, Any]:
    """Each order ends an hour after it is planned at the median, and is late with 37 %."""
    ends: dict[str, datetime] = {}
    named_by: dict[str, str] = {}
    for each in schedule["operations"]:
        order, end = each["production_order_id"], datetime.fromisoformat(each["end_at"])
        ends[order], named_by[order] = max(end, ends.get(order, end)), each["order_number"]
    orders = [
        {
            "production_order_id": order,
            "production_order_number": named_by[order],
            "due_at": end,
            "planned_end": end,
            "p10": end,
            "p50": end + timedelta(hours=1),
            "p90": end + timedelta(hours=2),
            "late_probability": 0.37,
        }
        for order, end in ends.items()
    ]
    told = {"schedule_id": schedule["schedule_id"], "computed_at": max(ends.values()), "samples": 500, "seed": 1}
    told |= {"operations": len(schedule["operations"]), "learned_operations": 0, "expected_late_orders": 1.0}
    return SchedulePromises.model_validate(told | {"orders": orders}).model_dump(mode="json")


def proposal_for(schedule: dict[str, Any], made_at: datetime, moves: int = 3) -> dict[str, Any]:
    """A proposal after a breakdown: open operations of the first work centre begin two hours later."""
    center = schedule["work_centers"][0]
    those = [
        each
        for each in schedule["operations"]
        if each["work_center_id"] == center["work_center_id"] and not each["actual"] and not each["is_frozen"]
    ][:moves]
    later = timedelta(hours=2)
    return {
        "proposal_id": named("proposal", schedule["schedule_id"], moves),
        "schedule_id": schedule["schedule_id"],
        "cause": "breakdown",
        "cause_text": f"{center['code']} {center['name']} is down: nozzle blocked, two hours of repair.",
        "created_at": made_at,
        "status": "open",
        "decided_at": None,
        "decided_by": None,
        "moves": [
            {
                "run_id": each["run_id"],
                "order_number": each["order_number"],
                "from_work_center_id": each["work_center_id"],
                "from_start_at": each["start_at"],
                "to_work_center_id": each["work_center_id"],
                "to_start_at": datetime.fromisoformat(each["start_at"]) + later,
            }
            for each in those
        ],
        "orders": [
            {
                "production_order_id": each["production_order_id"],
                "order_number": each["order_number"],
                "due_at": each["due_at"],
                "end_before": each["end_at"],
                "end_after": datetime.fromisoformat(each["end_at"]) + later,
                "late_minutes_after": 120.0 if index == 0 else 0.0,
                "reason": f"{each['operation']} waits for {center['code']}, and no other work centre is free before.",
            }
            for index, each in enumerate(those)
        ],
        "cost_of_doing_nothing_minutes": 640.0,
        "cost_of_proposal_minutes": 190.0,
    }
