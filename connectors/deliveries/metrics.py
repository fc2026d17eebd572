"""What deliveries, reactions and jobs by the clock count, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

ATTEMPTS: Final = Counter("deliveries", "attempts at deliveries by what came of them", ["system", "kind", "outcome"])
SECONDS: Final = Histogram(
    "delivery_seconds",
    "how long a call to another system took",
    ["system"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30),
)
TROUBLES: Final = Counter("delivery_troubles", "failed calls by kind of trouble", ["system", "trouble"])
PENDING: Final = Gauge("deliveries_pending", "deliveries that are not answered yet", ["system"])
OLDEST: Final = Gauge("deliveries_oldest_pending_seconds", "age of the oldest delivery not answered yet", ["system"])
HEALED: Final = Counter("deliveries_healed", "jobs taken back from a process that died, or made again")
REACTIONS: Final = Counter("reactions", "events that something was made of", ["type"])
REACTOR_LAG: Final = Gauge("reactor_lag_records", "event records not reacted to yet", ["topic"])
REACTOR_READY: Final = Gauge("reactor_ready", "1 while this process reacts")
CLOCK_RUNS: Final = Counter("clock_job_runs", "runs of jobs by the clock", ["job", "outcome"])
CLOCK_LAST: Final = Gauge("clock_job_last_success_seconds", "when a job by the clock last got through", ["job"])
