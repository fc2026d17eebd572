"""The bill of materials: every locked package with its hashes, and the licence it was installed with. No network.

`python -m tests.sbom FILE` writes CycloneDX; `make sbom` calls it.
"""

import json
import re
import subprocess
import sys
from email.message import Message
from importlib import metadata
from pathlib import Path
from typing import Any, Final

from compose.local.folder import ROOT

LOCK: Final = ROOT / "requirements.lock"
PROGRAM: Final = Path(sys.executable).with_name("cyclonedx-py")
LONGEST_NAME: Final = 100
"""A longer `License` field is the licence's text."""
NOT_A_NAME: Final = frozenset({"", "UNKNOWN", "OSI Approved", "Other/Proprietary License"})


def bill() -> dict[str, Any]:
    """The bill as CycloneDX. Raises CalledProcessError where the lock file cannot be read."""
    command = [str(PROGRAM), "requirements", "--pyproject", "pyproject.toml", "--output-reproducible", "--of", "JSON"]
    made = subprocess.run([*command, str(LOCK)], cwd=ROOT, capture_output=True, text=True, check=True)
    document: dict[str, Any] = json.loads(made.stdout)
    for component in document["components"]:
        # It would be the whole line of the lock file with all hashes once more.
        component.pop("description", None)
        if licences := licences_of(component["name"]):
            component["licenses"] = [{"license": {"name": each}} for each in licences]
    return document


def licences_of(package: str) -> list[str]:
    """What a package says of its licence where it is installed; nothing where it is not, or does not say."""
    try:
        told: Message = metadata.distribution(package).metadata  # type: ignore[assignment]
    except metadata.PackageNotFoundError:
        return []
    if expression := told.get("License-Expression"):
        return [expression]
    classified = [each.rpartition(" :: ")[2] for each in told.get_all("Classifier", []) if each.startswith("License")]
    if names := sorted(set(classified) - NOT_A_NAME):
        return names
    field = re.sub(r"\s+", " ", told.get("License") or "").strip()
    return [field] if field not in NOT_A_NAME and len(field) <= LONGEST_NAME else []


def main() -> None:
    """Write the bill and say what is in it."""
    document, path = bill(), Path(sys.argv[1])
    path.write_text(json.dumps(document, indent=1) + "\n")
    known = sum("licenses" in each for each in document["components"])
    print(f"{path}: {len(document['components'])} packages, {known} with a known licence.")


if __name__ == "__main__":
    main()
