"""Alerts in the words of those who get them: a pager (PagerDuty Events v2), Slack-compatible webhooks, e-mail."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

COLOURS: Final = {"critical": "#c8372d", "warning": "#b47605", "info": "#4f7fb8"}
NAMED_AT_MOST: Final = 10
LONGEST_SUMMARY: Final = 1024
LONGEST_SECTION: Final = 2900


class Notice(NamedTuple):
    """What is told: one alert, or many of a kind in one. `key` is the same for the same cause."""

    key: str
    kind: str
    severity: str
    summary: str
    entity: str
    raised_at: datetime
    details: Sequence[str] = ()


def of_alert(alert: Mapping[str, Any]) -> Notice:
    """One alert."""
    return Notice(
        alert["alert_key"],
        alert["kind"],
        alert["severity"],
        alert["message"],
        f"{alert['entity_type']} {alert['entity_id']}",
        alert["raised_at"],
    )


def gathered(kind: str, severity: str, begin: datetime, told: int, alerts: Sequence[Mapping[str, Any]]) -> Notice:
    """What came of a kind within one window after the `told` that were told one by one."""
    rest = alerts[told:]
    named = [f"{alert['entity_type']} {alert['entity_id']}: {alert['message']}" for alert in rest[:NAMED_AT_MOST]]
    if len(rest) > NAMED_AT_MOST:
        named.append(f"and {len(rest) - NAMED_AT_MOST} more")
    return Notice(
        f"{kind}/{severity}/{begin:%Y%m%dT%H%M}",
        kind,
        severity,
        f"{len(rest)} more alerts {kind} within 10 minutes, {len(alerts)} in all.",
        "several",
        begin,
        named,
    )


def pager_event(notice: Notice, console: str) -> dict[str, Any]:
    """PagerDuty's Events API v2: one incident for one `dedup_key`. The routing key is in the URL."""
    return {
        "event_action": "trigger",
        "dedup_key": notice.key[:255],
        "payload": {
            "summary": notice.summary[:LONGEST_SUMMARY],
            "source": "MRAOS",
            "severity": notice.severity,
            "timestamp": notice.raised_at.isoformat(),
            "component": notice.entity,
            "group": notice.kind.partition(".")[0],
            "class": notice.kind,
            "custom_details": {"kind": notice.kind, "entity": notice.entity, "alerts": list(notice.details)},
        },
        "client": "Plant nervous system",
        "client_url": console,
    }


def slack_message(notice: Notice, console: str) -> dict[str, Any]:
    """Text for whoever knows no blocks, and blocks."""
    title = f"{notice.severity.upper()}: {notice.kind}"
    when = f"{notice.raised_at:%Y-%m-%d %H:%M:%S} UTC"
    body = "\n".join([_escaped(notice.summary), *(f"• {_escaped(line)}" for line in notice.details)])
    return {
        "text": f"{title}: {_escaped(notice.summary)}"[:LONGEST_SECTION],
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": title[:150]}},
            {"type": "section", "text": {"type": "mrkdwn", "text": body[:LONGEST_SECTION]}},
            {
                "type": "context",
                "elements": [
                    {
                        "type": "mrkdwn",
                        "text": f"{_escaped(notice.entity)} · {when} · <{console}|console>",
                    }
                ],
            },
        ],
    }


def mail_subject(notice: Notice) -> str:
    """One line."""
    return " ".join(f"[{notice.severity}] {notice.kind}: {notice.summary}".split())[:200]


def mail_text(notice: Notice, console: str) -> str:
    """The alert as plain text."""
    lines = [notice.summary, *(f"- {line}" for line in notice.details), ""]
    lines += [f"What: {notice.kind}", f"About: {notice.entity}", f"When: {notice.raised_at:%Y-%m-%d %H:%M:%S} UTC"]
    return "\n".join([*lines, "", console, ""])


def _escaped(text: str) -> str:
    """Slack's three characters with a meaning; nobody is called by an alert's text."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
