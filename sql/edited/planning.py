"""Changes of what planners edit: made in one transaction with their audit row and their event."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from schemas.messages.planning import Change, PlanningChanged
from sql.database import ensure_tenant
from sql.edited import audits
from sql.edited.base import Conflict, Edit, Unknown, Versioned, hold
from sql.edited.subjects import Link, Subject

Values = Mapping[str, Any]
EVENT: Final = "planning.changed"
MOST_NAMED: Final = 3


class Wrong(ValueError):
    """A value that cannot be kept: a sentence, and the field it is about."""

    def __init__(self, path: str, sentence: str) -> None:
        super().__init__(sentence)
        self.path = path


def create(edit: Edit, subject: Subject, values: Values) -> Versioned:
    """Keep something new. Raises Wrong; Conflict where it is there already."""
    edit.lock(subject.name)
    register_tenant(edit)
    check_links(edit, subject.links, values)
    refuse_twin(edit, subject, values)
    row = subject.model(**edit.born(), **values)
    edit.session.add(row)
    tell(edit, subject, row, "created", {name: (None, value) for name, value in values.items() if value is not None})
    return row


def register_tenant(edit: Edit) -> None:
    """Have the tenant known that makes something: rows of document 004 name one that is."""
    ensure_tenant(edit.rows, edit.tenant_id)


def change(edit: Edit, subject: Subject, identity: str, version: int | None, values: Values) -> Versioned:
    """Give it these values; where all are as they were, nothing happens. Raises Unknown, Conflict, Wrong."""
    edit.lock(subject.name)
    row = held(edit, subject, identity, version)
    changed = differences(row, values)
    if changed:
        told = {name: after for name, (_, after) in changed.items()}
        if any(name in subject.unique for name in changed):
            refuse_twin(edit, subject, {name: values.get(name, getattr(row, name)) for name in subject.unique})
        check_links(edit, subject.links, told)
        apply(edit, row, told)
        tell(edit, subject, row, "updated", changed)
    return row


def remove(edit: Edit, subject: Subject, identity: str, version: int | None) -> Versioned:
    """Delete it: it stays for what was made with it. Raises Unknown; Conflict while something in use names it."""
    edit.lock(subject.name)
    row = held(edit, subject, identity, version)
    for use in subject.uses:
        edit.rows.execute(use.query.encode(), {"id": identity})
        if names := sorted(found["name"] for found in edit.rows.fetchall()):
            more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
            told = ", ".join(names[:MOST_NAMED]) + more
            raise Conflict(f"It is still in use: {use.words} {told}.", used_by=names[:MOST_NAMED])
    edit.delete(row)
    tell(edit, subject, row, "deleted", {})
    return row


def restore(edit: Edit, subject: Subject, identity: str, values: Values | None = None) -> Versioned:
    """Have what was deleted back. Raises Unknown; Conflict if it is not deleted, or names what is not there now."""
    edit.lock(subject.name)
    row = _deleted(edit, subject, identity)
    try:
        check_links(edit, subject.links, {link.column: getattr(row, link.column) for link in subject.links})
    except Wrong as wrong:
        raise Conflict(f"It cannot come back: {wrong}") from wrong
    changed = differences(row, values or {})
    row.deleted_at = row.deleted_by = None
    apply(edit, row, {name: after for name, (_, after) in changed.items()})
    tell(edit, subject, row, "restored", changed)
    return row


def _deleted(edit: Edit, subject: Subject, identity: str) -> Versioned:
    key = {"tenant_id": edit.tenant_id, "id": identity}
    row = edit.session.get(subject.model, key, with_for_update=True, populate_existing=True)
    if row is None:
        raise Unknown(f"No {subject.words} {identity} is known.")
    if row.deleted_at is None:
        raise Conflict(f"This {subject.words} is not deleted.")
    return row


def held(edit: Edit, subject: Subject, identity: str, version: int | None) -> Versioned:
    """A row to change. Raises Unknown; Conflict for one that was changed meanwhile, or is everybody's."""
    try:
        return hold(edit, subject.model, identity, version, subject.words)
    except Unknown:
        if subject.is_shared:
            edit.rows.execute(f"SELECT FROM {subject.table} WHERE id = %s AND tenant_id IS NULL".encode(), [identity])
            if edit.rows.fetchone() is not None:
                sentence = f"This {subject.words} is in everybody's catalogue and stays as it is; make one of your own."
                raise Conflict(sentence) from None
        raise


def differences(row: Versioned, values: Values) -> dict[str, tuple[Any, Any]]:
    """What values would change of a row: before and after, by field."""
    return {
        name: (getattr(row, name), after) for name, after in values.items() if not _is_same(getattr(row, name), after)
    }


def _is_same(before: Any, after: Any) -> bool:
    return before == after and (before is None) == (after is None)


def apply(edit: Edit, row: Versioned, values: Values) -> None:
    """Write values into a row and note who did it."""
    for name, value in values.items():
        setattr(row, name, value)
    edit.touch(row)


def refuse_twin(edit: Edit, subject: Subject, values: Values) -> None:
    """Raise Conflict where another row, a deleted one too, has the same values of what is unique."""
    if not subject.unique:
        return
    same = " AND ".join(f"{name} IS NOT DISTINCT FROM %({name})s" for name in subject.unique)
    edit.session.flush()
    edit.rows.execute(
        f"SELECT id::text AS id, deleted_at FROM {subject.table} WHERE {same} AND tenant_id = %(tenant_id)s".encode(),
        {name: values.get(name) for name in subject.unique} | {"tenant_id": edit.tenant_id},
    )
    if (found := edit.rows.fetchone()) is not None:
        told = " ".join(str(values[name]) for name in subject.unique if values.get(name) is not None)
        is_gone = "was deleted; restore it, or choose another" if found["deleted_at"] else "exists already"
        raise Conflict(f"The {subject.words} {told or 'for everything'} {is_gone}.", existing_id=found["id"])


def check_links(edit: Edit, links: Sequence[Link], values: Values, at: str = "") -> None:
    """Hold what is named, so that nobody deletes it meanwhile. Raises Wrong for what is not there."""
    for link in links:
        if (identity := values.get(link.column)) is not None:
            check_named(edit, link, str(identity), at + link.column)


def check_named(edit: Edit, link: Link, identity: str, path: str) -> None:
    """Hold one row that is named. Raises Wrong. What belongs to everybody is there for good."""
    edit.session.flush()
    edit.rows.execute(
        f"SELECT tenant_id IS NULL AS is_shared FROM {link.table} WHERE id = %s AND deleted_at IS NULL".encode(),
        [identity],
    )
    found = edit.rows.fetchone()
    if found is not None and not found["is_shared"]:
        edit.rows.execute(
            f"SELECT 1 FROM {link.table} WHERE id = %s AND deleted_at IS NULL FOR SHARE".encode(), [identity]
        )
        found = edit.rows.fetchone()
    if found is None:
        raise Wrong(path, f"No {link.words} {identity} is known.")


def tell(edit: Edit, subject: Subject, row: Versioned, event: Change, changed: Mapping[str, tuple[Any, Any]]) -> None:
    """Keep who changed what, and have the event published."""
    edit.session.flush()
    fields = {name: {"before": before, "after": after} for name, (before, after) in changed.items()}
    audits.keep(edit.rows, edit.tenant_id, (subject.name, row.id, row.version), event, edit.actor, fields)
    payload = PlanningChanged(
        subject=subject.name,
        subject_id=row.id,
        version=row.version,
        change=event,
        name=_name(subject, row)[:128],
        fields=tuple(sorted(changed)),
        changed_by=edit.actor[:128],
    )
    edit.say(EVENT, payload, row.id, row.version)


def _name(subject: Subject, row: Versioned) -> str:
    """What people call it: its code, or the kind of thing where it has none."""
    told = [str(value) for name in subject.unique if (value := getattr(row, name)) is not None]
    return " ".join(told) or subject.words
