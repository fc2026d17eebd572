"""What is installed on this machine. PACKAGES_ONLY=1 looks away, so that everything comes from packages."""

import os
import shutil

PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/homebrew/sbin")


def packages_only() -> bool:
    """Whether to use nothing of the machine but Python."""
    return os.environ.get("PACKAGES_ONLY", "") not in ("", "0")


def installed(program: str) -> str | None:
    """The path of an installed program: on the path, or where servers are put."""
    if packages_only():
        return None
    return shutil.which(program) or shutil.which(program, path=os.pathsep.join(PLACES))
