"""Every process tells the same way how it is: JSON lines on stdout, figures on loopback, a clean end on SIGTERM."""

import asyncio
import logging
import signal
import sys
import threading
from typing import Any, Final

import structlog
from prometheus_client import Gauge, start_http_server
from structlog.typing import Processor

from schemas.settings import Settings

STOP_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
# Libraries that tell of their ordinary work on INFO; what they warn of is ours to hear.
TALKATIVE: Final = ("asyncua", "aiokafka", "faust", "mode", "kafka", "httpx2", "uvicorn.access", "alembic")

STARTED: Final = Gauge("plant_process_started", "1 while the process runs", ["process"])


def start(process: str, settings: Settings) -> None:
    """Set up logs and open `/metrics` on METRICS_PORT (0: none). Call once, first thing in a process."""
    configure_logs(process, settings.log_level)
    STARTED.labels(process).set(1)
    if settings.metrics_port:
        start_http_server(settings.metrics_port, addr=settings.metrics_host)
    structlog.get_logger().info("started", metrics_port=settings.metrics_port)


def configure_logs(process: str, level: str) -> None:
    """Send our lines and those of libraries to stdout as JSON, one object a line."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _named(process),
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def _named(process: str) -> Processor:
    def add_process(_logger: Any, _method: str, event: Any) -> Any:
        event["process"] = process
        return event

    return add_process


def stop_requested() -> asyncio.Event:
    """An event of the running loop that SIGTERM or SIGINT sets."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    return stop


def stop_flag() -> threading.Event:
    """The same for a process without an event loop: call it on the main thread."""
    stop = threading.Event()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: stop.set())
    return stop


def stopped() -> None:
    """The last line of a process that ended as asked."""
    structlog.get_logger().info("stopped")
