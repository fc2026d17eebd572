"""Tells what became of every message: a table for people, `demo.json` for programs."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from compose.demo.accounts import Account
from compose.demo.outbound import NAMES, Calls

CHANNELS: Final = {"mqtt": "machines", "erp": "ERP", "wms": "warehouse", "hr": "HR"}
SHARES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99}
MOST_EXAMPLES: Final = 10


def document(account: Account, seconds: float, first_row_seconds: float | None = None) -> dict[str, object]:
    """What `demo.json` holds: sent = applied + duplicates + dead_letters + lost; late are some of the applied.

    `first_row_seconds`: from the start of the demo to the first reading in Postgres.
    """
    return {
        "sent": account.sent.total(),
        "applied": account.applied.total(),
        "late": account.late.total(),
        "duplicates": account.duplicates.total(),
        "dead_letters": account.dead_letters.total(),
        "refused": account.refused.total(),
        "lost": len(account.lost),
        "doubled": len(account.doubled),
        "invented": len(account.invented),
        "astray": len(account.astray),
        **{f"{name}_seconds": account.percentile(share) for name, share in SHARES.items()},
        "dead_letter_reasons": dict(sorted(account.reasons.items())),
        "duration_seconds": round(seconds, 1),
        "first_row_seconds": first_row_seconds,
        "calls": _calls(account.calls),
    }


def _calls(calls: Calls) -> dict[str, object]:
    """Calls to other systems: `arrived_once` of `completed_orders` are known to the ERP exactly once."""
    return {
        "completed_orders": calls.completed,
        "arrived_once": calls.arrived,
        "missing": len(calls.missing),
        "doubled": len(calls.doubled),
        "invented": len(calls.invented),
        "waiting": calls.waiting,
        "asked": dict(sorted(calls.asked.items())),
        "failed_answers": dict(sorted(calls.failed.items())),
    }


def write(path: Path, account: Account, seconds: float, first_row_seconds: float | None) -> None:
    """Write `demo.json`."""
    path.write_text(json.dumps(document(account, seconds, first_row_seconds), indent=2) + "\n")


def table(account: Account, seconds: float, first_row_seconds: float | None) -> RenderableType:
    """The summary."""
    return Padding(
        Group(
            Text(f"What became of every message of {seconds:.0f} seconds", "bold"),
            Text(),
            _counts(account),
            Text(),
            _facts(account, first_row_seconds),
            Text(),
            *_outbound(account.calls),
            *_findings("lost", account.lost),
            *_findings("doubled", account.doubled),
            *_findings("invented", account.invented),
            *_findings("ended otherwise than expected", account.astray),
            *_findings("not told to the ERP", account.calls.missing),
            *_findings("done twice elsewhere", account.calls.doubled),
            *_findings("done elsewhere without our asking", account.calls.invented),
            Text(),
            _verdict(account),
        ),
        (1, 1, 1, 1),
        expand=False,
    )


def _counts(account: Account) -> Table:
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    shown.add_column("")
    for head in ("all", *CHANNELS.values()):
        shown.add_column(head, justify="right")
    shown.add_column("what it means")
    _add(shown, "sent", account.sent, "in a ledger before it was on the way")
    _add(shown, "applied", account.applied, "in Postgres, once")
    _add(shown, "  of them late", account.late, "overtaken by a newer reading")
    _add(shown, "duplicate", account.duplicates, "said twice; changed nothing")
    _add(shown, "dead letter", account.dead_letters, "kept with its bytes and the reason")
    _add(shown, "refused", account.refused, "beside these: an HTTP error at once")
    _add_finding(shown, "lost", account.lost, "nowhere to be found")
    _add_finding(shown, "doubled", account.doubled, "counted more than once")
    return shown


def _add(shown: Table, name: str, counts: Counter[str], meaning: str) -> None:
    figures = (f"{counts[channel]:,}" for channel in CHANNELS)
    shown.add_row(name, Text(f"{counts.total():,}", "bold"), *figures, Text(meaning, "dim"))


def _add_finding(shown: Table, name: str, found: list[str], meaning: str) -> None:
    style = "bold red" if found else "bold green"
    shown.add_row(Text(name, style), Text(f"{len(found):,}", style), *("" for _ in CHANNELS), Text(meaning, "dim"))


def _facts(account: Account, first_row_seconds: float | None) -> Table:
    shown = Table.grid(padding=(0, 3))
    told = ((name, account.percentile(share)) for name, share in SHARES.items())
    figures = "   ".join(f"{name} {value * 1000:,.0f} ms" for name, value in told if value is not None)
    shown.add_row("machine to Postgres", Text(figures or "no reading", "bold"))
    if first_row_seconds is not None:
        shown.add_row("first reading there", f"{first_row_seconds:.0f} s after the start")
    if account.reasons:
        words = (f"{reason.replace('_', ' ').lower()} {count}" for reason, count in account.reasons.most_common())
        shown.add_row("dead letters", Text(", ".join(words), "dim"))
    return shown


def _outbound(calls: Calls) -> Iterable[RenderableType]:
    """What the other systems were told, as they wrote it down themselves."""
    yield Text(f"What {calls.completed:,} completed orders came to at the ERP", "bold")
    yield Text()
    shown = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim", show_header=False)
    shown.add_column("")
    shown.add_column("", justify="right")
    shown.add_column("")
    style = "bold green" if calls.arrived == calls.completed else "bold red"
    shown.add_row(
        Text("arrived exactly once", style), Text(f"{calls.arrived:,}", style), Text("by the ERP's own records", "dim")
    )
    for system, name in NAMES.items():
        asked, failed = calls.asked[system], calls.failed[system]
        if asked:
            share = f"{failed:,} of them failed ({failed / asked:.0%})" if failed else "none of them failed"
            shown.add_row(f"calls to {name}", f"{asked:,}", Text(share, "dim"))
    if calls.waiting:
        shown.add_row(Text("still waiting", "bold red"), f"{calls.waiting:,}", Text("deliveries not made yet", "dim"))
    yield shown


def _findings(name: str, found: list[str]) -> Iterable[RenderableType]:
    if found:
        yield Text()
        yield Text(name, "bold red")
        yield from (Text(f"  {each}", "red") for each in found[:MOST_EXAMPLES])
    if len(found) > MOST_EXAMPLES:
        yield Text(f"  and {len(found) - MOST_EXAMPLES} more", "red")


def _verdict(account: Account) -> Text:
    if account.is_settled:
        return Text("Every message is accounted for.", "bold green")
    return Text("Not every message is accounted for.", "bold red")
