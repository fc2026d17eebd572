"""Asks a process inside its container whether it is well; the exit code is the answer.

Only the standard library: it runs every few seconds beside every process.
"""

import argparse
import os
import socket
import sys
import urllib.error
import urllib.request


def answers(url: str) -> bool:
    """Whether a GET is answered with 200."""
    try:
        with urllib.request.urlopen(url, timeout=3) as answer:  # the address stands in compose.yaml  # nosec B310
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def listens(port: int) -> bool:
    """Whether a loopback port takes connections."""
    with socket.socket() as probe:
        probe.settimeout(3)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def main() -> None:
    """Exit 0 if the process is well, else 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="an address that must answer 200; without it, the process's /metrics")
    parser.add_argument("--tcp", type=int, help="a port that must take connections")
    asked = parser.parse_args()
    metrics = f"http://127.0.0.1:{os.environ.get('METRICS_PORT', '9100')}/metrics"
    sys.exit(0 if (listens(asked.tcp) if asked.tcp else answers(asked.url or metrics)) else 1)


if __name__ == "__main__":
    main()
