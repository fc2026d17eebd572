"""What the READMEs promise names its tests, and those are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`(?:tests/)?((?:unit|laws|contracts|integration|e2e)/test_\w+\.py)`")


@pytest.mark.parametrize("document", ["README.md", "tests/README.md"])
def test_every_test_that_is_named_is_there(document: str) -> None:
    named = set(NAMED.findall((ROOT / document).read_text()))
    assert len(named) > 10
    assert sorted(each for each in named if not (ROOT / "tests" / each).exists()) == []


def test_every_promise_names_a_test() -> None:
    text = (ROOT / "README.md").read_text()
    _, _, told = text.partition("## What it promises")
    rows = [line for line in told.partition("\n## ")[0].splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 10
    assert [row for row in rows if not NAMED.search(row)] == []
