"""The work-order fold in our agents beside Kafka Streams: JVM, one thread, in-memory store with changelog and cache."""

import os
import shutil
import subprocess
from pathlib import Path

from schemas.settings import Settings
from tests.bench.contest import COUNTS, measured, rate_of_our_agents, topic_for
from tests.bench.figures import Figure, Measure, contest, faster

SOURCE = Path(__file__).parent / "contestants" / "kafka_streams"


def built() -> str:
    """The class path of the compiled contestant; its libraries come by Maven once."""
    target = Path(os.environ.get("RUN_DIR", ".run")).resolve() / "bench" / "kafka-streams"
    target.mkdir(parents=True, exist_ok=True)
    class_path = f"{target}{os.pathsep}{target / 'libs'}/*"
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        raise RuntimeError("fold_vs_kafka_streams needs Maven and a JDK (mvn and javac).")
    if not (target / "libs").exists():
        copy = ["mvn", "-q", "-B", "-f", str(SOURCE / "pom.xml"), "dependency:copy-dependencies"]
        subprocess.run([*copy, f"-DoutputDirectory={target / 'libs'}"], check=True)
    subprocess.run(["javac", "-nowarn", "-cp", class_path, "-d", str(target), str(SOURCE / "Fold.java")], check=True)
    return class_path


def measure(settings: Settings) -> Figure:
    """Output records per second."""
    ours = rate_of_our_agents(settings.kafka_bootstrap)
    out = topic_for(settings, "kafka-streams")
    command = ["java", "-Xmx512m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", built(), "Fold"]
    streams = measured(settings, out, out, command, COUNTS)
    return faster("fold_vs_kafka_streams", ours, "Kafka Streams, one thread, in memory", streams, "1x", "2x")


MEASURES: dict[str, Measure] = {"fold_vs_kafka_streams": contest(measure)}
