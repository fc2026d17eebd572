"""Tells people of alerts (002 section 8.3): critical by pager, warnings by e-mail and Slack; no storms, no loops."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final, NamedTuple

import msgspec

from connectors.credentials import is_set
from connectors.deliveries.kind import Call, Due, Kind, Mail, New, NotNeeded, Reacted, Request, Rows, System
from connectors.systems import notices
from connectors.systems.notices import Notice
from schemas.envelope import Message
from schemas.messages.failures import AlertRaised
from schemas.settings import Settings
from sql.reads import notifications

WINDOW: Final = timedelta(minutes=10)
OWN: Final[tuple[System, ...]] = ("NOTIFY", "MAIL")


class Channel(NamedTuple):
    """A way to tell somebody: the kind of its deliveries, the system they go by, the setting that opens it."""

    kind: str
    system: System
    address: str


PAGER = Channel("notify.webhook", "NOTIFY", "alert_webhook_url")
SLACK = Channel("notify.slack", "NOTIFY", "alert_slack_url")
MAIL = Channel("notify.mail", "MAIL", "alert_mail_to")


def tell(rows: Rows, message: Message[Any], settings: Settings) -> Reacted:
    """The reaction to `alert.raised`: a delivery for each channel the alert is for."""
    alert: AlertRaised = message.payload
    about = _about(rows, alert)
    channels = list(_channels(rows, alert.severity, about, settings))
    if not channels:
        return Reacted()
    cause, told, due_at = _what(rows, alert, about, settings)
    return Reacted(
        deliveries=[
            New(channel.kind, message.tenant_id, alert.alert_id, cause, told, message.correlation_id, due_at)
            for channel in channels
        ]
    )


def _channels(rows: Rows, severity: str, about: System | None, settings: Settings) -> Iterator[Channel]:
    """Critical: the pager; where there is none, as a warning. Warning: e-mail and Slack. Else nobody.

    That a way to tell somebody fails is told by every other way, and never by itself.
    """
    if about is not None:
        others = (channel for channel in (PAGER, MAIL, SLACK) if channel.system != about)
        yield from (channel for channel in others if _is_open(rows, channel, settings))
    elif severity == "critical" and _is_open(rows, PAGER, settings):
        yield PAGER
    elif severity in ("critical", "warning"):
        yield from (channel for channel in (MAIL, SLACK) if _is_open(rows, channel, settings))


def _is_open(rows: Rows, channel: Channel, settings: Settings) -> bool:
    """Whether it has an address. A stored one that cannot be opened is one: its delivery will say so."""
    if channel is MAIL:
        return bool(settings.alert_mail_to) and is_set(rows, "smtp_url", settings)
    return is_set(rows, channel.address, settings)


def _about(rows: Rows, alert: AlertRaised) -> System | None:
    """The channel system whose failing the alert is about, if it is about one."""
    if not alert.kind.startswith("integration."):
        return None
    system = alert.entity_id if alert.entity_id in OWN else notifications.system_of(rows, alert.entity_id)
    return next((own for own in OWN if own == system), None)


def _what(
    rows: Rows, alert: AlertRaised, about: str | None, settings: Settings
) -> tuple[str, dict[str, Any], datetime | None]:
    """Cause, content, due time. A key is told once, a storm in one, a failing channel once a day."""
    single = {"alert": msgspec.to_builtins(alert)}
    if about is not None:
        return f"channel/{about}/{alert.kind}/{alert.raised_at:%Y%m%d}", single, None
    begin = _window_of(alert.raised_at)
    end = begin + WINDOW
    before = notifications.window(rows, alert.kind, alert.severity, begin, end)
    rank = next((index for index, each in enumerate(before) if each["alert_key"] == alert.alert_key), len(before))
    if rank < settings.alerts_at_once:
        return f"alert/{alert.alert_key}", single, None
    many = {"kind": alert.kind, "severity": alert.severity, "begin": begin.isoformat(), "end": end.isoformat()}
    return f"storm/{alert.kind}/{alert.severity}/{begin.isoformat()}", many, end


def _window_of(moment: datetime) -> datetime:
    """The begin of the window a moment lies in."""
    seconds = int(moment.timestamp())
    return datetime.fromtimestamp(seconds - seconds % int(WINDOW.total_seconds()), UTC)


def _notice(rows: Rows, due: Due, settings: Settings) -> Notice:
    if "alert" in due.told:
        alert = dict(due.told["alert"])
        return notices.of_alert(alert | {"raised_at": datetime.fromisoformat(alert["raised_at"])})
    begin, end = (datetime.fromisoformat(due.told[name]) for name in ("begin", "end"))
    kind, severity = due.told["kind"], due.told["severity"]
    alerts = notifications.window(rows, kind, severity, begin, end)
    if len(alerts) <= settings.alerts_at_once:
        raise NotNeeded("All alerts of this window were told one by one.")
    return notices.gathered(kind, severity, begin, settings.alerts_at_once, alerts)


def _page(rows: Rows, due: Due, settings: Settings) -> Request:
    return Call("POST", f"${PAGER.address}", notices.pager_event(_notice(rows, due, settings), _console(settings)))


def _slack(rows: Rows, due: Due, settings: Settings) -> Request:
    return Call("POST", f"${SLACK.address}", notices.slack_message(_notice(rows, due, settings), _console(settings)))


def _mail(rows: Rows, due: Due, settings: Settings) -> Request:
    if not settings.alert_mail_to:
        raise NotNeeded("Nobody gets alerts by e-mail any more.")
    notice = _notice(rows, due, settings)
    text = notices.mail_text(notice, _console(settings))
    colour = notices.COLOURS.get(notice.severity, "#5b6b76")
    html = (
        f'<div style="border-left:4px solid {colour};padding:4px 0 4px 14px;'
        f"font:15px/1.5 'Segoe UI',Helvetica,Arial,sans-serif;white-space:pre-line\">{escape(text)}</div>"
    )
    return Mail(settings.alert_mail_to, notices.mail_subject(notice), text, html)


def _console(settings: Settings) -> str:
    return f"{settings.gateway_url.rstrip('/')}/"


def _kind(channel: Channel, description: str, request: Callable[[Rows, Due, Settings], Request]) -> Kind:
    return Kind(
        name=channel.kind,
        system=channel.system,
        integration_type=f"{channel.kind.replace('.', '_')}_outbound",
        description=description,
        request=request,
    )


KINDS = (
    _kind(PAGER, "pages for a critical alert (PagerDuty Events v2)", _page),
    _kind(SLACK, "tells a Slack-compatible webhook of an alert", _slack),
    _kind(MAIL, "tells of an alert by e-mail", _mail),
)
