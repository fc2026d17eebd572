"""The bill of materials names what the lock file names: each package, version and hash, and the licence where known."""

import json
import re
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests import sbom


@pytest.fixture(scope="module")
def bill() -> dict[str, Any]:
    with pytest.MonkeyPatch.context() as patch:
        # Whoever asks a registry meets nobody.
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            patch.setenv(name, "http://127.0.0.1:9")
        return sbom.bill()


def locked() -> dict[str, tuple[str, set[str]]]:
    """Package -> version and hashes, read from the lock file by itself."""
    found = {}
    for name, version, hashes in re.findall(
        r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)[^\n]*\\\n((?:\s+--hash=sha256:\w+(?: \\)?\n?)+)", sbom.LOCK.read_text(), re.M
    ):
        found[name] = (version, set(re.findall(r"sha256:(\w+)", hashes)))
    return found


def test_every_locked_package_is_named_with_its_version_and_hashes(bill: dict[str, Any]) -> None:
    named = {
        each["name"]: (
            each["version"],
            {one["content"] for reference in each["externalReferences"] for one in reference.get("hashes", ())},
        )
        for each in bill["components"]
    }
    wanted = locked()
    assert len(wanted) == sbom.LOCK.read_text().count("==")
    assert named == wanted
    assert all(hashes for _, hashes in named.values())


def test_licences_are_named_where_they_are_known(bill: dict[str, Any]) -> None:
    licences = {
        each["name"]: [one["license"]["name"] for one in each.get("licenses", ())] for each in bill["components"]
    }
    assert licences["pydantic"] == ["MIT"]
    unknown = [name for name, found in licences.items() if not found]
    assert len(unknown) <= len(licences) // 10, unknown
    assert sbom.licences_of("a package that nobody installed") == []


def test_the_bill_is_what_the_specification_allows(bill: dict[str, Any]) -> None:
    version = SchemaVersion.from_version(bill["specVersion"])
    assert JsonStrictValidator(version).validate_str(json.dumps(bill)) is None
