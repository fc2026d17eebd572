"""The systems that the plant calls, simulated in a thread of the test process and told what to do."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from compose.simulators.systems.server import build, configuration
from compose.simulators.systems.town import Town
from schemas.settings import Settings

CLIENT = "mraos_integration_client"
SECRET = "secret of the plant"
MES_USER = "mraos"
MES_PASSWORD = "password of the plant"


@dataclass
class SimulatedSystems:
    """Five systems and their token server at one address."""

    url: str
    control: httpx2.Client

    def settings(self) -> dict[str, str]:
        """The environment of a plant that calls them."""
        return {
            "ERP_URL": f"{self.url}/erp",
            "HR_URL": f"{self.url}/hr",
            "WMS_URL": f"{self.url}/wms",
            "MES_URL": f"{self.url}/mes",
            "PAS_URL": f"{self.url}/pas",
            "INTEGRATION_TOKEN_URL": f"{self.url}/oauth/token",
            "INTEGRATION_CLIENT_ID": CLIENT,
            "INTEGRATION_CLIENT_SECRET": SECRET,
            "MES_USERNAME": MES_USER,
            "MES_PASSWORD": MES_PASSWORD,
        }

    def fault(
        self,
        system: str,
        fault: str,
        *,
        times: int | None = None,
        share: float | None = None,
        path: str | None = None,
    ) -> None:
        """Have a system fail: status:NNN, status:429:30, slow:2.0, hang, drop_before, drop_after."""
        order = {"system": system, "fault": fault, "times": times, "share": share, "path": path}
        self._ask("POST", "/faults", json=order)

    def heal(self) -> None:
        """Have nothing fail any more."""
        self._ask("DELETE", "/faults")

    def revoke_tokens(self) -> None:
        """Have no token count any more."""
        self._ask("DELETE", "/tokens")

    def records(self, system: str | None = None, path: str = "") -> list[dict[str, Any]]:
        """The requests so far, the oldest first."""
        return self.await_records(0, system, path, seconds=0)

    def await_records(
        self, count: int, system: str | None = None, path: str = "", seconds: float = 30
    ) -> list[dict[str, Any]]:
        """The requests as soon as there are so many. Raises AssertionError when there are not within that time."""
        query = {"path": path, "at_least": count, "within": seconds} | ({"system": system} if system else {})
        found: list[dict[str, Any]] = self._ask("GET", "/records", params=query).json()
        assert len(found) >= count, f"{system} had {len(found)} of {count} requests within {seconds:g} s"
        return found

    def acted(self, system: str) -> dict[str, int]:
        """How often something was done, by idempotency key."""
        return dict(self._ask("GET", "/acted", params={"system": system}).json())

    def forget(self) -> None:
        """Forget the requests so far."""
        self._ask("DELETE", "/records")

    def serve(self, system: str, name: str, value: Any) -> None:
        """Have a system hold this: `serve("hr", "employees", [...])`, `serve("oauth", "token-seconds", 2)`."""
        self._ask("PUT", f"/data/{system}/{name}", json=value)

    def held(self, system: str, name: str) -> Any:
        """What a system holds, as `completions` of the ERP or `reservations` of the warehouse."""
        return self._ask("GET", f"/data/{system}/{name}").json()

    def know(self, endpoints: Mapping[str, str]) -> None:
        """Have the PAS know where its webhook goes, and what it is signed with."""
        url = f"{endpoints['GATEWAY_URL']}/webhooks/pas/completion"
        self.serve("pas", "webhook", {"url": url, "secret": endpoints["PAS_WEBHOOK_SECRET"]})

    def complete(self, *run_ids: str, **order: Any) -> list[dict[str, Any]]:
        """Have the PAS say that runs are over, in this order; what it was answered."""
        told: list[dict[str, Any]] = self._ask("POST", "/pas/completions", json={"run_ids": run_ids} | order).json()
        return told

    def _ask(self, method: str, path: str, **options: Any) -> httpx2.Response:
        answer = self.control.request(method, f"/_control{path}", **options)
        assert answer.is_success, answer.text
        return answer


@contextmanager
def simulated_systems(*, strict: bool = False, record_path: Path | None = None) -> Iterator[SimulatedSystems]:
    """Five systems on a free port; `strict` ones answer 404 to ids they do not know."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    settings = Settings(
        integration_client_id=CLIENT,
        integration_client_secret=SECRET,
        mes_username=MES_USER,
        mes_password=MES_PASSWORD,
    )
    town = Town(settings, strict=strict, record_path=record_path)
    server = uvicorn.Server(configuration(build(town)))
    thread = threading.Thread(target=server.run, args=([listener],), name="simulated-systems", daemon=True)
    thread.start()
    with httpx2.Client(base_url=url, timeout=90) as control:
        systems = SimulatedSystems(url, control)
        try:
            yield systems
        finally:
            systems.heal()
            server.should_exit = True
            thread.join()
            listener.close()
            town.records.close()
