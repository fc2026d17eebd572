"""Alerts reach people: who is told what by which way, once, without storms and without loops."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from connectors.deliveries.kind import Call, Due, Mail, New, NotNeeded
from connectors.deliveries.kinds import notify
from connectors.deliveries.making import make
from connectors.deliveries.registry import KINDS
from connectors.transports.mail import Post
from connectors.transports.rest import Rest
from schemas.envelope import Message
from schemas.messages.failures import AlertRaised
from schemas.settings import DEFAULT_TENANT, Settings
from tests.messages import message
from tests.plants import RunningPlant
from tests.receivers import hook, mailbox

pytestmark = pytest.mark.services

AT = datetime(2026, 11, 21, 12, 1, tzinfo=UTC)
ALL = {
    "alert_webhook_url": "http://pager.example/x?key=secret-of-the-pager",
    "alert_slack_url": "http://slack.example/services/secret-of-slack",
    "smtp_url": "smtp://user:secret-of-mail@mail.example",
    "alert_mail_to": "ops@plant.example",
}


def raised(rows: psycopg.Cursor[Any], number: int = 1, severity: Any = "warning", **fields: Any) -> Message[Any]:
    """An alert whose row is written."""
    values: dict[str, Any] = {
        "alert_id": f"alert-{number}",
        "alert_key": f"material.reorder/MAT-{number}",
        "kind": "material.reorder",
        "severity": severity,
        "entity_type": "material",
        "entity_id": f"MAT-{number}",
        "message": f"MAT-{number} is below its safety stock.",
        "raised_at": AT + timedelta(seconds=number),
    }
    told = AlertRaised(**(values | fields))
    rows.execute(
        "INSERT INTO alerts (tenant_id, alert_id, alert_key, kind, severity, entity_type, entity_id, message, "
        "raised_at, event_topic, event_partition, event_offset, caused_by) "
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, 'alerts', 0, %s, %s)",
        [
            DEFAULT_TENANT, told.alert_id, told.alert_key, told.kind, told.severity, told.entity_type, told.entity_id,
            told.message, told.raised_at, number, told.alert_id,
        ],
    )  # fmt: skip
    return message("alert.raised", told)


def told_by(rows: psycopg.Cursor[Any], migrated: RunningPlant, alert: Message[Any], **settings: Any) -> list[New]:
    return list(notify.tell(rows, alert, migrated.settings(**(ALL | settings))).deliveries)


def due(new: New) -> Due:
    return Due("DLV-1", DEFAULT_TENANT, new.kind, new.subject, new.cause, new.told, "c", AT, 0)


def request_of(rows: psycopg.Cursor[Any], new: New, settings: Settings) -> Any:
    return KINDS[new.kind].request(rows, due(new), settings)


@pytest.mark.parametrize(
    ("severity", "settings", "kinds"),
    [
        ("critical", {}, ["notify.webhook"]),
        ("critical", {"alert_webhook_url": None}, ["notify.mail", "notify.slack"]),
        ("warning", {}, ["notify.mail", "notify.slack"]),
        ("warning", {"smtp_url": None}, ["notify.slack"]),
        ("warning", {"alert_mail_to": None, "alert_slack_url": None}, []),
        ("info", {}, []),
    ],
)
def test_who_is_told_follows_from_severity_and_from_what_is_set(
    rows: psycopg.Cursor[Any], migrated: RunningPlant, severity: str, settings: dict[str, Any], kinds: list[str]
) -> None:
    assert [new.kind for new in told_by(rows, migrated, raised(rows, severity=severity), **settings)] == kinds


def test_an_alert_of_the_same_key_is_told_once(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    first = told_by(rows, migrated, raised(rows, 1))
    again = told_by(rows, migrated, raised(rows, 2, alert_key="material.reorder/MAT-1"))
    assert make(rows, first) == 2
    assert make(rows, again) == 0
    rows.execute("SELECT kind, external_system, status FROM deliveries ORDER BY kind")
    assert [tuple(row.values()) for row in rows.fetchall()] == [
        ("notify.mail", "MAIL", "pending"), ("notify.slack", "NOTIFY", "pending"),
    ]  # fmt: skip


def test_a_storm_is_told_in_one(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    settings = {"alerts_at_once": 3, "alert_mail_to": None}
    news = [new for number in range(8) for new in told_by(rows, migrated, raised(rows, number), **settings)]
    assert make(rows, news) == 4, "three by themselves, and one for the five others"
    storm = news[-1]
    assert storm.due_at == datetime(2026, 11, 21, 12, 10, tzinfo=UTC), "when the ten minutes are over"
    body = request_of(rows, storm, migrated.settings(**(ALL | settings))).body
    assert "5 more alerts material.reorder within 10 minutes, 8 in all." in body["text"]
    listed = body["blocks"][1]["text"]["text"]
    assert all(f"MAT-{number} is below" in listed for number in range(3, 8))
    assert "MAT-2 is below" not in listed


def test_other_kinds_and_later_windows_are_no_storm(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    settings = {"alerts_at_once": 1, "alert_mail_to": None}
    news = [
        *told_by(rows, migrated, raised(rows, 1), **settings),
        *told_by(rows, migrated, raised(rows, 2, kind="quality.defect"), **settings),
        *told_by(rows, migrated, raised(rows, 3, raised_at=AT + timedelta(minutes=10)), **settings),
    ]
    assert [new.due_at for new in news] == [None, None, None]


def test_a_gathered_message_of_nothing_is_not_needed(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    many = {
        "kind": "x",
        "severity": "warning",
        "begin": AT.isoformat(),
        "end": (AT + timedelta(minutes=10)).isoformat(),
    }
    with pytest.raises(NotNeeded):
        request_of(rows, New("notify.slack", DEFAULT_TENANT, "a", "c", many), migrated.settings(**ALL))


def test_that_a_way_to_tell_fails_is_told_by_the_others_and_once_a_day(
    rows: psycopg.Cursor[Any], migrated: RunningPlant
) -> None:
    about = {"kind": "integration.circuit_open", "entity_type": "system", "severity": "critical"}
    notify_down = told_by(rows, migrated, raised(rows, 1, entity_id="NOTIFY", **about))
    mail_down = told_by(rows, migrated, raised(rows, 2, entity_id="MAIL", **about))
    assert [new.kind for new in notify_down] == ["notify.mail"]
    assert [new.kind for new in mail_down] == ["notify.webhook", "notify.slack"]
    assert make(rows, [*notify_down, *mail_down]) == 3
    again = [
        *told_by(rows, migrated, raised(rows, 3, entity_id="NOTIFY", alert_key="k-3", **about)),
        *told_by(rows, migrated, raised(rows, 4, entity_id="MAIL", alert_key="k-4", **about)),
    ]
    assert make(rows, again) == 0, "when both fail, they do not tell each other for ever"


def test_a_failed_notification_is_not_told_by_the_same_way(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    make(rows, told_by(rows, migrated, raised(rows, 1)))
    rows.execute("SELECT delivery_id FROM deliveries WHERE kind = 'notify.slack'")
    (failed,) = rows.fetchall()
    about = {"kind": "integration.failed", "entity_type": "delivery", "entity_id": failed["delivery_id"]}
    assert [new.kind for new in told_by(rows, migrated, raised(rows, 2, **about))] == ["notify.mail"]


def test_no_secret_of_an_address_is_stored(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    settings = migrated.settings(**ALL)
    for severity in ("critical", "warning"):
        for new in told_by(rows, migrated, raised(rows, 1 if severity == "critical" else 2, severity=severity)):
            assert "secret-of" not in str(new)
            assert "secret-of" not in str(request_of(rows, new, settings))


async def test_pager_and_slack_are_called_as_they_want_it(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    with hook() as heard:
        settings = migrated.settings(
            **ALL | {"alert_webhook_url": f"{heard.url}/pager", "alert_slack_url": f"{heard.url}/slack"}
        )

        async def secret(name: str) -> str | None:
            return str(getattr(settings, name))

        rest = Rest(settings, secret)
        critical = raised(rows, 1, "critical", message="Breakdown of <M-203> & more")
        warning = raised(rows, 2, message="Breakdown of <M-203> & more")
        for new in (*told_by(rows, migrated, critical), *told_by(rows, migrated, warning)):
            request = request_of(rows, new, settings)
            if isinstance(request, Call):
                await rest.call("NOTIFY", request, f"DLV-{new.kind}", "corr")
        await rest.close()
    (_, headers, pager), (_, _, slack) = heard.told
    assert (pager["event_action"], pager["dedup_key"]) == ("trigger", "material.reorder/MAT-1")
    assert {"summary", "source", "severity", "timestamp"} <= set(pager["payload"])
    assert (pager["payload"]["summary"], pager["payload"]["severity"]) == ("Breakdown of <M-203> & more", "critical")
    assert headers["idempotency-key"] == "DLV-notify.webhook"
    assert "authorization" not in headers
    assert slack["text"] == "WARNING: material.reorder: Breakdown of &lt;M-203&gt; &amp; more"
    assert [block["type"] for block in slack["blocks"]] == ["header", "section", "context"]


async def test_a_warning_arrives_by_mail(rows: psycopg.Cursor[Any], migrated: RunningPlant) -> None:
    with mailbox() as box:
        settings = migrated.settings(**ALL | {"smtp_url": box.url})

        async def secret(name: str) -> str | None:
            return str(getattr(settings, name))

        (mail,) = [new for new in told_by(rows, migrated, raised(rows, 1)) if new.kind == "notify.mail"]
        request = request_of(rows, mail, settings)
        assert isinstance(request, Mail)
        await Post(settings, secret).send(request, "DLV-1")
        got = box.await_mail("material.reorder")
    assert (got["To"], got["Subject"]) == (
        "ops@plant.example", "[warning] material.reorder: MAT-1 is below its safety stock.",
    )  # fmt: skip
    plain = got.get_body(("plain",))
    assert plain is not None
    assert "About: material MAT-1" in plain.get_content()
