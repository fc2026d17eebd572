"""The whole plant tells people: the report and warnings by mail and Slack, what is critical by pager."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from tests.conftest import SHORT
from tests.gateways import ORDERS, erp, operator, order_event
from tests.plants import RunningPlant, running_plant
from tests.receivers import Hook, Mailbox, hook, mailbox
from tests.systems import SimulatedSystems, simulated_systems

pytestmark = pytest.mark.services


@dataclass
class Office:
    """A plant, the ERP it calls, and the people it tells."""

    plant: RunningPlant
    systems: SimulatedSystems
    box: Mailbox
    heard: Hook


@pytest.fixture(scope="module")
def office() -> Iterator[Office]:
    with simulated_systems() as systems, mailbox() as box, hook() as heard:
        told = {
            "SMTP_URL": box.url,
            "RECONCILIATION_MAIL_TO": "operations@plant.example",
            "ALERT_MAIL_TO": "shift@plant.example",
            "ALERT_SLACK_URL": f"{heard.url}/slack/secret-of-slack",
            "ALERT_WEBHOOK_URL": f"{heard.url}/pager/secret-of-pager",
        }
        with running_plant(infra_only=False, told=SHORT | systems.settings() | told) as plant:
            yield Office(plant, systems, box, heard)


def test_the_report_and_the_warning_that_it_waits_for_a_person_arrive(office: Office) -> None:
    event = order_event(f"WO-ERP-{uuid4().hex[:8]}")
    three_hours_ago = (datetime.now(UTC) - timedelta(hours=3)).isoformat()
    with erp(office.plant) as client, operator(office.plant) as person:
        told = client.post(ORDERS, json=event | {"timestamp": three_hours_ago}).json()
        office.plant.await_rows("SELECT 1 FROM work_orders WHERE work_order_id = %s", told["mraos_work_order_id"])
        an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        listed = event["work_order"] | {"quantity_ordered": 999, "status": "Released", "updated_at": an_hour_ago}
        office.systems.serve("erp", "work-orders", [listed])
        assert person.post("/api/v1/reconciliations").status_code == 202
        report = office.box.await_mail("Reconciliation with the ERP")
        warning = office.box.await_mail("reconciliation.review")
        slack = office.heard.await_told("/slack/secret-of-slack")
    assert (report["To"], warning["To"]) == ("operations@plant.example", "shift@plant.example")
    plain = report.get_body(("plain",))
    assert plain is not None
    assert "Quantity Ordered in ERP: 999" in plain.get_content()
    assert slack["text"].startswith("WARNING: reconciliation.review")


def test_what_is_critical_goes_to_the_pager_and_no_address_is_written_down(office: Office) -> None:
    office.systems.fault("erp", "status:500", path="/api/v1/work-orders")
    with operator(office.plant) as person:
        assert person.post("/api/v1/reconciliations").status_code == 202
        page = office.heard.await_told("/pager/secret-of-pager")
    office.systems.heal()
    assert (page["event_action"], page["payload"]["severity"]) == ("trigger", "critical")
    assert page["payload"]["class"] in ("integration.failed", "integration.circuit_open")
    office.plant.await_rows("SELECT 1 FROM deliveries WHERE kind = 'notify.webhook' AND status = 'succeeded'")
    for table in ("deliveries", "integration_audit_log"):
        ((leaks,),) = office.plant.await_rows(
            f"SELECT count(*) FROM {table} AS kept WHERE kept::text LIKE '%%secret-of-%%'"
        )
        assert leaks == 0, f"{table} names the secret address"
