"""The work-order fold in our agents beside the same fold in stock Faust, one event at a time."""

import sys

from schemas.settings import Settings
from tests.bench.contest import measured, rate_of_our_agents, topic_for
from tests.bench.figures import Figure, Measure, contest, faster

ENOUGH = 30_000


def measure(settings: Settings) -> Figure:
    """Output records per second; stock Faust's pace is clear after the first thirty thousand."""
    ours = rate_of_our_agents(settings.kafka_bootstrap)
    out = topic_for(settings, "stock-faust")
    group = out.removesuffix("-out")
    command = [sys.executable, "-m", "tests.bench.contestants.stock_faust", "worker", "-l", "warn", "--without-web"]
    stock = measured(settings, group, out, command, ENOUGH)
    return faster("fold_vs_stock_faust", ours, "stock Faust, one event at a time", stock, "25x", "50x")


MEASURES: dict[str, Measure] = {"fold_vs_stock_faust": contest(measure)}
