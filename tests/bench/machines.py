"""`python -m tests.bench.machines RATE SECONDS ORDER...`: machines that count steadily; prints how many units."""

import os
import sys

from tests.e2e.load import Load


def main() -> None:
    rate, seconds, *orders = sys.argv[1:]
    load = Load(dict(os.environ), orders, int(rate), float(seconds))
    load.start()
    load.finish()
    print(load.sent)


if __name__ == "__main__":
    main()
