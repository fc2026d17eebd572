"""Fetches Kafka's jars once per machine: by Maven if it is there, else by the jgo package."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from compose.local.errors import PlantError, failed
from compose.local.java import java
from compose.local.machine import installed

VERSION = "4.1.1"
POM = Path(__file__).with_name("pom.xml")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
# If these are there, the resolver took Kafka's own versions and left nothing out.
WITNESSES = (
    f"kafka_2.13-{VERSION}.jar",
    f"kafka-clients-{VERSION}.jar",
    "scala-library-2.13.16.jar",
    "log4j-core-2.24.3.jar",
)
NAMESPACE = {"m": "http://maven.apache.org/POM/4.0.0"}


def cache() -> Path:
    """The folder shared by all plants of this user."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "plant-nervous-system" / f"kafka-{VERSION}"


def coordinates() -> list[str]:
    """What the pom asks for, as group:artifact:version."""
    tree = ElementTree.parse(POM)  # the file is ours  # nosec B314
    found = tree.getroot().findall("m:dependencies/m:dependency", NAMESPACE)
    return [":".join(part.text or "" for part in dependency) for dependency in found]


def jars(report: Callable[[str], None]) -> Path:
    """The folder with Kafka's jars, fetched if it is not there yet."""
    target = cache()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _fetch(target, report)
    return target


def _fetch(target: Path, report: Callable[[str], None]) -> None:
    """Fetch into a folder beside the target and rename it: whoever finds the target finds all of it."""
    part = Path(tempfile.mkdtemp(prefix="kafka-", dir=target.parent))
    log = target.parent / "fetch.log"
    tool = "Maven" if installed("mvn") else "jgo"
    report(f"fetching Kafka {VERSION} (about 43 MB) with {tool}")
    try:
        (by_maven if tool == "Maven" else by_jgo)(part, log)
        if missing := [jar for jar in WITNESSES if not (part / jar).exists()]:
            raise failed(f"{tool} ended without {', '.join(missing)}", log)
        part.rename(target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def by_maven(part: Path, log: Path) -> None:
    """Copy the pom's dependencies with Maven."""
    command = ["mvn", "-q", "-B", "-f", str(POM), COPY, f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    with log.open("w") as output:
        done = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise failed("Maven could not fetch Kafka's jars", log)


def by_jgo(part: Path, log: Path) -> None:
    """Copy the pom's dependencies with the pure Python resolver, in a process of its own.

    The `!` keeps jgo from applying one coordinate's version rules to another: without it kafka-clients becomes 3.8.
    """
    endpoint = "+".join(f"{coordinate}!" for coordinate in coordinates()) + "@kafka.Kafka"
    program = "import jgo,sys; print(*jgo.build(sys.argv[1]).path.rglob('*.jar'), sep='\\n')"
    environment = {**os.environ, "JAVA_HOME": str(Path(java()).resolve().parents[1]), "PYTHONWARNINGS": "ignore"}
    with log.open("w") as errors, tempfile.TemporaryDirectory() as work:
        done = subprocess.run(
            [sys.executable, "-c", program, endpoint],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            cwd=work,
            text=True,
            check=False,
        )
    if done.returncode:
        raise failed("jgo could not fetch Kafka's jars", log)
    _copy([Path(line) for line in done.stdout.splitlines() if line.endswith(".jar")], part)


def _copy(found: list[Path], part: Path) -> None:
    if not found:
        raise PlantError("jgo found no jars for Kafka; install Maven, or try again with the network up.")
    for jar in found:
        shutil.copy2(jar, part / jar.name)
