"""`python -m connectors failures`: dead letters from a terminal, over the console's API and by its rules."""

import functools
import inspect
import json
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, NoReturn

import click
import httpx2
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Dead letters: list, show, retry, edit, resolve, discard; one or many.")

FAILURES: Final = "/api/v1/failures"
PATIENCE_SECONDS: Final = 120.0
LOOK_AGAIN_SECONDS: Final = 0.2
PENDING: Final = "pending_manual_review"

Ids = Annotated[
    list[str] | None, typer.Argument(help="ids or keys of dead letters", autocompletion=lambda: _known_ids())
]
AsJson = Annotated[bool, typer.Option("--json", help="print what the API answers")]
Cause = Annotated[str | None, typer.Option(help="all letters of this cause (its key, as `list` shows it)")]
All = Annotated[bool, typer.Option("--all", help="all letters that the filters let through")]
Integration = Annotated[str | None, typer.Option(help="only of this integration")]
Code = Annotated[str | None, typer.Option(help="only with this error code")]
Text = Annotated[str | None, typer.Option("--q", help="only with this text")]
Why = Annotated[str | None, typer.Option(help="why, for those who read the history")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="only show what it would do")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="do not ask")]
Chosen = dict[str, Any]
"""Which letters, as the API takes it."""


def gateway(environment: Mapping[str, str]) -> httpx2.Client:
    """The gateway's API: GATEWAY_URL and ADMIN_TOKEN of the environment, or of the plant in RUN_DIR (.run)."""
    told = dict(environment)
    if "GATEWAY_URL" not in told or "ADMIN_TOKEN" not in told:
        told = _endpoints(Path(told.get("RUN_DIR", ".run")) / "endpoints.env") | told
    missing = [name for name in ("GATEWAY_URL", "ADMIN_TOKEN") if not told.get(name)]
    if missing:
        _end(f"{' and '.join(missing)} must be set, or RUN_DIR must name the directory of a running plant.", 2)
    headers = {"Authorization": f"Bearer {told['ADMIN_TOKEN']}"}
    return httpx2.Client(base_url=told["GATEWAY_URL"], headers=headers, timeout=PATIENCE_SECONDS)


def _endpoints(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    lines = (line.partition("=") for line in path.read_text().splitlines() if line and not line.startswith("#"))
    return {name: value.strip("'\"") for name, _, value in lines}


def _end(sentence: str, code: int = 1) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(code)


@contextmanager
def _asking() -> Iterator[httpx2.Client]:
    """The API; what goes wrong on the way is one sentence."""
    with gateway(os.environ) as client:
        try:
            yield client
        except httpx2.HTTPError as error:
            _end(f"The gateway does not answer: {error}.")


def _answer(response: httpx2.Response) -> Any:
    """What was answered; a problem ends the command with its sentence."""
    if response.is_success:
        return response.json()
    try:
        problem = response.json()
    except ValueError:
        _end(f"The gateway answered {response.status_code}.")
    sentences = [problem.get("detail", problem.get("title", "refused"))]
    sentences += [f"{each['path']}: {each['message']}" for each in problem.get("errors", ())]
    where = f" ({problem['path']})" if problem.get("path") else ""
    return _end("\n".join(sentences) + where)


def _known_ids() -> list[str]:
    """For the shell's completion: the letters that wait."""
    with gateway(os.environ) as client:
        found = client.get(FAILURES, params={"status": PENDING, "limit": 100}).json()
    return [each["failure_id"] for each in found["failures"]]


def _print(document: Any) -> None:
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False))


@app.command("list")
def list_letters(
    status: Annotated[str, typer.Option(help="pending_manual_review, retried, resolved, discarded or any")] = PENDING,
    integration: Integration = None,
    code: Code = None,
    cause: Cause = None,
    q: Text = None,
    limit: Annotated[int, typer.Option(min=1, max=500)] = 50,
    as_json: AsJson = False,
) -> None:
    """The causes among the letters, and the latest letters."""
    wanted = {"status": None if status == "any" else status, "integration": integration, "code": code, "cause": cause}
    query = {name: value for name, value in {**wanted, "q": q, "limit": limit}.items() if value is not None}
    with _asking() as client:
        found = _answer(client.get(FAILURES, params=query))
    if as_json:
        _print(found)
        return
    console = Console()
    console.print(_causes(found["groups"]))
    console.print(_letters(found["failures"]))


def _causes(groups: list[dict[str, Any]]) -> Table:
    table = Table("letters", "cause", "integration", "code", "field", "reason", box=None, pad_edge=False)
    for each in groups:
        table.add_row(
            f"{each['failures']:,}",
            each["cause_key"],
            each["integration_type"],
            each["error_code"],
            each["error_path"] or "",
            each["cause"],
        )
    return table


def _letters(letters: list[dict[str, Any]]) -> Table:
    table = Table("letter", "failed at", "status", "tries", "reason", box=None, pad_edge=False)
    for each in letters:
        row = (each["failure_id"], each["failed_at"][:19], each["status"], str(each["retry_count"]))
        table.add_row(*row, each["error_message"])
    return table


@app.command()
def show(
    failure_id: Annotated[str, typer.Argument(autocompletion=lambda: _known_ids())], as_json: AsJson = False
) -> None:
    """One letter: why it failed, its message, what was done about it and what can be done."""
    with _asking() as client:
        found = _answer(client.get(f"{FAILURES}/{failure_id}"))
    if as_json:
        _print(found)
        return
    console = Console()
    where = f" at {found['error_path']}" if found["error_path"] else ""
    console.print(f"[bold]{found['failure_id']}[/]  {found['status']}  {found['integration_type']}", highlight=False)
    console.print(f"{found['error_code']}{where}: {found['error_message']}", markup=False)
    console.print(f"came by {found['source_address']} at {found['failed_at']}", markup=False, highlight=False)
    if found["original_message"] is None:
        console.print(_original(found).decode(errors="replace"), markup=False)
    else:
        console.print_json(data=found["original_message"])
    for each in found["attempts"]:
        why = f": {each['reason']}" if each["reason"] else ""
        console.print(f"{each['requested_at'][:19]}  {each['actor']}  {each['action']}{why}", markup=False)
        console.print(f"    {each['outcome']}  {each['outcome_reason'] or ''}", markup=False)
    for name, reason in found["can"].items():
        if reason:
            console.print(f"cannot {name}: {reason}", markup=False, style="dim")


def _original(found: Mapping[str, Any]) -> bytes:
    import base64

    return base64.b64decode(found["original_bytes_base64"])


def _chosen(
    ids: Ids = None,
    cause: Cause = None,
    everything: All = False,
    integration: Integration = None,
    code: Code = None,
    q: Text = None,
) -> Chosen:
    """What the options say: letters by name, or all of a cause or of the filters."""
    filters = {name: value for name, value in (("integration", integration), ("code", code), ("q", q)) if value}
    if ids and not (cause or everything or filters):
        return {"failure_ids": list(dict.fromkeys(ids))}
    if ids or not (cause or everything):
        _end("Say which letters: their ids, or --cause KEY, or --all (narrowed by --integration, --code, --q).", 2)
    return {"filters": filters} | ({"cause_key": cause} if cause else {})


def choosing(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the options that say which letters, in place of its parameter `chosen`."""
    options, told = inspect.signature(_chosen).parameters, inspect.signature(command)

    @functools.wraps(command)
    def run(**given: Any) -> None:
        command(chosen=_chosen(**{name: given.pop(name) for name in options}), **given)

    every = [
        option
        for name, each in told.parameters.items()
        for option in (options.values() if name == "chosen" else [each])
    ]
    # Typer reads the options from the signature, and their types from the annotations.
    run.__signature__ = told.replace(parameters=every)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in every}
    return run


@app.command()
@choosing
def retry(
    chosen: Chosen,
    reason: Why = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send letters again as they came."""
    _do("retry", chosen, {"reason": reason, "dry_run": dry_run}, yes, as_json)


@app.command()
@choosing
def edit(
    chosen: Chosen,
    assignments: Annotated[
        list[str] | None, typer.Option("--set", help="/payload/quantity=12; the value is JSON, or text")
    ] = None,
    edits_file: Annotated[
        Path | None, typer.Option("--edits", help="file with a list of edits (RFC 6902, to_number, substitute)")
    ] = None,
    reason: Why = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send letters again edited: by --set, by a file of edits, or, for one letter, in $EDITOR."""
    told: dict[str, Any] = {"reason": reason, "dry_run": dry_run}
    edits = _edits(assignments or [], edits_file)
    if edits:
        told["edits"] = edits
    elif len(chosen.get("failure_ids", ())) == 1:
        told |= _by_hand(chosen["failure_ids"][0])
    else:
        _end("Many letters are edited by --set or --edits; an editor shows one letter.", 2)
    _do("edit_retry", chosen, told, yes, as_json)


def _edits(assignments: list[str], path: Path | None) -> list[Any]:
    edits = []
    if path is not None:
        try:
            told = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            _end(f"{path} holds no list of edits: {error}.", 2)
        edits += told if isinstance(told, list) else [told]
    for each in assignments:
        name, sign, value = each.partition("=")
        if not sign or not name.startswith("/"):
            _end(f"{each!r} is no assignment like /payload/quantity=12.", 2)
        edits.append({"op": "add", "path": name, "value": _value(value)})
    return edits


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _by_hand(failure_id: str) -> dict[str, Any]:
    """The message as somebody leaves it in $EDITOR."""
    with _asking() as client:
        found = _answer(client.get(f"{FAILURES}/{failure_id}"))
    before = _original(found).decode(errors="surrogateescape")
    if found["original_message"] is not None:
        before = json.dumps(json.loads(before), indent=2, ensure_ascii=False)
    after = click.edit(before, extension=".json")
    if after is None or after.strip() == before.strip():
        _end("Nothing was edited; nothing was sent.")
    return {"text": after, "expected_version": found["version"]}


def _closing(action: str, about: str) -> None:
    """The command that closes letters in this way."""

    @app.command(action, help=about)
    @choosing
    def close(
        reason: Annotated[str, typer.Option(help="why")], chosen: Chosen, yes: Yes = False, as_json: AsJson = False
    ) -> None:
        _do(action, chosen, {"reason": reason}, yes, as_json)


_closing("resolve", "Mark letters as resolved by other means; nothing is sent.")
_closing("discard", "Discard letters; nothing is sent.")


def _do(action: str, chosen: Chosen, told: dict[str, Any], yes: bool, as_json: bool) -> None:
    told = {name: value for name, value in told.items() if value not in (None, False)}
    ids = chosen.get("failure_ids", ())
    with _asking() as client:
        if len(ids) == 1:
            path = f"{FAILURES}/{ids[0]}/{action.replace('_', '-')}"
            _tell_one(_answer(client.post(path, json=told)), as_json)
            return
        if not (yes or as_json or "dry_run" in told):
            typer.confirm(f"{action.replace('_', ' and ')} {_how_many(client, chosen)} letters?", abort=True)
        answer = _answer(client.post(f"{FAILURES}/bulk", json={"action": action} | chosen | told))
        _tell_many(client, answer, as_json)


def _how_many(client: httpx2.Client, chosen: Chosen) -> int:
    if "failure_ids" in chosen:
        return len(chosen["failure_ids"])
    query = {"status": PENDING, "limit": 1} | chosen["filters"]
    query |= {"cause": chosen["cause_key"]} if "cause_key" in chosen else {}
    return sum(each["failures"] for each in _answer(client.get(FAILURES, params=query))["groups"])


def _tell_one(answer: dict[str, Any], as_json: bool) -> None:
    if as_json or "rehearsal" in answer:
        _print(answer)
    else:
        why = f": {answer['outcome_reason']}" if answer["outcome_reason"] else ""
        typer.echo(f"{answer['failure_id']} {answer['outcome']}{why} ({answer['status']})")
    if answer.get("outcome") in ("refused", "failed"):
        raise typer.Exit(1)


def _tell_many(client: httpx2.Client, answer: dict[str, Any], as_json: bool) -> None:
    if "rehearsal" in answer:
        _print(answer)
        return
    progress = _follow(client, answer["bulk_id"], is_shown=not as_json)
    if as_json:
        _print({**answer, "progress": progress})
    else:
        for each in answer["refused"]:
            typer.echo(f"{each['failure_id']}: {each['reason']}", err=True)
        told = f"{progress['applied']:,} done, {progress['refused']:,} refused again, {progress['failed']:,} failed"
        typer.echo(f"{told}; {answer['refused_count']:,} of {answer['selected']:,} were left out.")
    if progress["refused"] or progress["failed"] or answer["refused_count"]:
        raise typer.Exit(1)


def _follow(client: httpx2.Client, bulk_id: str, *, is_shown: bool) -> dict[str, Any]:
    """Look on until nothing waits any more."""
    tick = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, disable=not is_shown) as bar:
        task = bar.add_task("letters", total=None)
        while True:
            progress: dict[str, Any] = _answer(client.get(f"{FAILURES}/bulk/{bulk_id}"))
            bar.update(task, total=progress["total"], completed=progress["total"] - progress["waiting"])
            if progress["is_done"]:
                return progress
            tick.wait(LOOK_AGAIN_SECONDS)
