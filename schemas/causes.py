"""The cause of a refusal: its reason with everything left out that names one message only, so that equal ones meet."""

import hashlib
import re
from typing import Final, NamedTuple

LONGEST_CAUSE: Final = 500
"""So much of a reason is read; what follows tells one message from the next, not one cause from another."""

# From what says most to what says least; each finding becomes one sign, so that what is left is the same.
_SIGNS: Final = (
    (re.compile(r"'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"|`[^`\n]*`"), "…"),
    (re.compile(r"\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?(?: UTC)?"), "<time>"),
    (re.compile(r"\b\d+ days?, \d+:\d\d:\d\d(?:\.\d+)?|\b\d+:\d\d:\d\d(?:\.\d+)?"), "<span>"),
    (re.compile(r"\b[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b"), "<id>"),
    (re.compile(r"\b[A-Z]{1,8}(?:[-_/][A-Z0-9]+)+\b"), "<id>"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b|\b(?=[0-9a-fA-F]*\d)(?=[0-9a-fA-F]*[a-fA-F])[0-9a-fA-F]{8,}\b"), "<hex>"),
    (re.compile(r"(?<![\w/.])/[\w.\-/]*\d[\w.\-/]*"), "<path>"),
    (re.compile(r"\b(?=[\w\-/:]*\d)[A-Za-z_]\w*(?:[-/:]\w+)*"), "<id>"),
    (re.compile(r"(?<![\w<])[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?(?!\w)"), "<n>"),
    (re.compile(r"(<id>|<n>|<hex>|…)(?:, ?(?:<id>|<n>|<hex>|…))+"), "…"),
    (re.compile(r"\s+"), " "),
)


class Cause(NamedTuple):
    """The same for all refusals of one cause: a short key, and the cause as a sentence."""

    key: str
    sentence: str


def normalised(reason: str) -> str:
    """A reason without ids, numbers, quoted texts, moments and hexadecimal digits. Twice is once."""
    text = reason[:LONGEST_CAUSE]
    for expression, sign in _SIGNS:
        text = expression.sub(sign, text)
    return text.strip()[:LONGEST_CAUSE]


def cause_of(integration_type: str, code: str, reason: str, path: str | None) -> Cause:
    """The cause of a dead letter: what failed, how, and in which field, whichever message it was."""
    sentence, field = normalised(reason), re.sub(r"\d+", "*", path or "")
    digest = hashlib.sha256("\n".join((integration_type, code, field, sentence)).encode(errors="replace"))
    return Cause(digest.hexdigest()[:16], sentence)
