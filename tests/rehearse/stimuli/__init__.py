"""All who speak to the plant in a rehearsal. The same seed says the same, in the same order by each of them."""

import math
from pathlib import Path
from typing import Final

from compose.simulators.ledger import Order
from tests.rehearse.ledger import Book
from tests.rehearse.stimuli import web
from tests.rehearse.stimuli.attendance import Attendance
from tests.rehearse.stimuli.floor import Floor
from tests.rehearse.stimuli.machines import Machines
from tests.rehearse.stimuli.neighbours import Neighbours, neighbour
from tests.rehearse.stimuli.orders import Orders
from tests.rehearse.stimuli.people import Operators
from tests.rehearse.stimuli.projects import Projects
from tests.rehearse.stimuli.sales import Sales
from tests.rehearse.stimuli.stock import Stock
from tests.rehearse.stimuli.threads import Speaker

OPEN_ORDERS: Final = 12
SMALL_ORDERS: Final = 8
SMALL: Final = 40
"""Orders of so many units are completed on the way, and more is made of them than was ordered."""
# Seconds from one turn to the next. The ERP may ask 100 times a minute.
ORDERS_EVERY: Final = 3.0
STOCK_EVERY: Final = 20.0
SALES_EVERY: Final = 4.0
OPERATORS_EVERY: Final = 2.0
ATTENDANCE_EVERY: Final = 3.0
PROJECTS_EVERY: Final = 5.0
NEIGHBOURS_EVERY: Final = 4.0


class Stimuli:
    """Machines at `rate` messages a second and everybody else at a small one, for `seconds`; the ledger in `folder`."""

    def __init__(self, endpoints: dict[str, str], folder: Path, seed: int, rate: int, seconds: float) -> None:
        self._endpoints, self._seed, self._rate, self._seconds = endpoints, seed, rate, seconds
        self._book = Book(folder)
        self._erp = web.erp(endpoints, self._book)
        self._person = web.operator(endpoints, self._book)
        self._gate = web.hr(endpoints, self._book)
        self._pas = web.Voice(endpoints, self._book, None)
        self._neighbour = neighbour(endpoints, self._book)
        self._tenant = endpoints["TENANT_ID"]
        self._machines: Machines | None = None
        self._closing: list[Stock | Operators | Sales] = []
        self._speakers: list[Speaker] = []

    def start(self) -> None:
        """Open the orders that machines work on, and have everybody speak. Raises AssertionError if none are taken."""
        orders = Orders(self._erp, self._tenant, self._seed)
        names = orders.open("OPEN", OPEN_ORDERS)
        small = orders.open("SMALL", SMALL_ORDERS, SMALL)
        (late,) = orders.open("LATE", 1)
        (repair,) = orders.open("REPAIR", 1)
        machines = web.settings_of(self._endpoints).layout.machines
        units = math.ceil(self._rate * self._seconds / len(machines) / OPEN_ORDERS) + 1
        work = [*(Order(name, units) for name in names), *(Order(name, SMALL) for name in small)]
        floor = Floor(machines, work, late, self._seed, str(self._seed))
        self._machines = Machines(self._endpoints, self._book, floor, self._rate, self._seconds)
        stock = Stock(self._erp, self._person, self._tenant, self._seed)
        stock.open()
        sales = Sales(self._endpoints, self._book, self._seed)
        operators = Operators(self._person, repair, self._seed)
        attendance = Attendance(self._gate, self._person)
        projects = Projects(self._person, self._pas, self._endpoints["PAS_WEBHOOK_SECRET"], self._seed)
        neighbours = Neighbours(self._neighbour, self._person, self._book, self._tenant, self._seed)
        self._closing = [stock, sales, operators]
        self._speakers = [
            Speaker("orders", orders.turn, ORDERS_EVERY, self._seconds),
            Speaker("stock", stock.turn, STOCK_EVERY, self._seconds),
            Speaker("sales", sales.turn, SALES_EVERY, self._seconds),
            Speaker("attendance", attendance.turn, ATTENDANCE_EVERY, self._seconds),
            Speaker("projects", projects.turn, PROJECTS_EVERY, self._seconds),
            Speaker("neighbours", neighbours.turn, NEIGHBOURS_EVERY, self._seconds),
            Speaker("operators", operators.turn, OPERATORS_EVERY, self._seconds),
        ]
        self._machines.start()
        for speaker in self._speakers:
            speaker.start()

    def finish(self) -> None:
        """Wait until all is said and answered. Raises what went wrong with somebody who speaks."""
        assert self._machines is not None, "nobody was started"
        self._machines.finish()
        for speaker in self._speakers:
            speaker.finish()
        for each in self._closing:
            each.close()
        for voice in (self._erp, self._person, self._gate, self._pas, self._neighbour):
            voice.close()
        self._book.close()

    def sent(self) -> int:
        """How many statements there are so far."""
        return self._book.said

    def recent(self, seconds: float) -> list[str]:
        """The readings of the last seconds that must become rows."""
        return self._machines.recent(seconds) if self._machines else []
