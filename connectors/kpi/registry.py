"""**Every validator on one page**: what a task's `kpi_formula` may ask for, and who judges it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from connectors.kpi import latency, quality_rules, row_count, schema_diff, test_results
from connectors.kpi.verdict import Asked, CannotJudge, Looking, Verdict

Formula = (
    schema_diff.SchemaDiff
    | test_results.ReportedTests
    | row_count.RowCount
    | quality_rules.QualityRules
    | latency.Latency
)
VALIDATORS: Final[Mapping[type[Asked], Callable[[Any, Looking], Verdict]]] = {
    schema_diff.SchemaDiff: schema_diff.judge,
    test_results.ReportedTests: test_results.judge,
    row_count.RowCount: row_count.judge,
    quality_rules.QualityRules: quality_rules.judge,
    latency.Latency: latency.judge,
}
MOST: Final = 20
NAMES: Final = frozenset(str(each.__struct_config__.tag) for each in VALIDATORS)


def formula_of(document: Any) -> list[Asked]:
    """What a `kpi_formula` asks for, to be checked before it is kept. Raises ValueError, a sentence."""
    if not isinstance(document, Sequence) or isinstance(document, str):
        raise ValueError("A kpi_formula is a list of validators.")
    if len(document) > MOST:
        raise ValueError(f"A kpi_formula names {MOST} validators at most, not {len(document)}.")
    return [asked_of(each) for each in document]


def asked_of(entry: Any) -> Asked:
    """One validator of a formula. Raises ValueError, a sentence."""
    try:
        found: Asked = msgspec.convert(entry, Formula)
    except msgspec.ValidationError as error:
        raise ValueError(f"The validator {name_of(entry)!r} cannot be asked so: {error}.".replace("`", "")) from error
    return found


def name_of(entry: Any) -> str:
    """What an entry of a formula calls its validator, even one that nobody knows."""
    told = entry.get("validator") if isinstance(entry, dict) else None
    return told[:63] if isinstance(told, str) and told else "unknown"


def judged(entry: Any, looking: Looking) -> Verdict:
    """What the validator of an entry finds; a verdict without an outcome says why it could not be judged."""
    evidence = {"asked": entry, "looked_at": looking.at.isoformat()}
    try:
        asked = asked_of(entry)
        found = VALIDATORS[type(asked)](asked, looking)
    except (CannotJudge, ValueError) as error:
        further = error.evidence if isinstance(error, CannotJudge) else {}
        return Verdict(None, None, f"Could not be judged: {error}", evidence | further)
    return found._replace(evidence=evidence | found.evidence)
