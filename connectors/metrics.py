"""What the connectors count, for Prometheus."""

from typing import Final

from prometheus_client import Counter, Gauge

RECEIVED: Final = Counter("connector_received", "messages that came in", ["transport"])
ACCEPTED: Final = Counter("connector_accepted", "messages translated and judged good", ["type"])
LATE: Final = Counter("connector_late", "accepted messages that an outage had held back", ["transport"])
DEAD_LETTERS: Final = Counter("connector_dead_letters", "messages refused at the door", ["code"])
REPEATED_REFUSALS: Final = Counter("connector_repeated_refusals", "refusals that were told before", ["address"])
PUBLISHED: Final = Counter("connector_published", "records that Kafka has acknowledged")
WAITING: Final = Gauge("connector_waiting", "messages received and not yet durable")
SPOOL_DEPTH: Final = Gauge("connector_spool_messages", "messages in the spool")
SPOOL_OLDEST: Final = Gauge("connector_spool_oldest_seconds", "age of the oldest message in the spool")
SPOOL_BYTES: Final = Gauge("connector_spool_bytes", "bytes of the spool on disk")
SPOOL_FULL: Final = Gauge("connector_spool_full", "1 while the spool takes nothing: sources wait unacknowledged")
SPOOLED: Final = Counter("connector_spooled", "messages that went through the spool")
LINE_UP: Final = Gauge("connector_line_up", "1 while the line to a source is up", ["line"])
CONNECTIONS: Final = Counter("connector_connections", "how often a line came up", ["line"])
GAPS: Final = Counter("connector_gaps", "stretches in which a source may have been unheard", ["line"])
READ_BACK: Final = Counter("connector_read_back", "readings that a server's history told after an outage", ["line"])
REFUSED_FILTERS: Final = Gauge("connector_refused_filters", "1 while the broker refuses a subscription", ["filter"])
BAD_NODES: Final = Gauge("connector_bad_nodes", "1 while a node cannot be read or means nothing", ["endpoint", "node"])
