"""The work-order fold in our agents beside a bare confluent-kafka loop that keeps no state."""

import sys

from schemas.settings import Settings
from tests.bench.contest import COUNTS, measured, rate_of_our_agents, topic_for
from tests.bench.figures import Figure, Measure, contest, faster


def measure(settings: Settings) -> Figure:
    """Output records per second."""
    ours = rate_of_our_agents(settings.kafka_bootstrap)
    command = [sys.executable, "-m", "tests.bench.contestants.bare_loop"]
    bare = measured(settings, "bench-bare", topic_for(settings, "bare"), command, COUNTS)
    return faster("fold_vs_bare_loop", ours, "bare confluent-kafka loop", bare, "0.35x", "0.7x")


MEASURES: dict[str, Measure] = {"fold_vs_bare_loop": contest(measure)}
