"""Small shops of every kind for the laws of scheduling: any calendars, graphs, overlaps, families and releases."""

from hypothesis import strategies as st

from streams.domain.calendars import OpenTime, of_spans
from streams.domain.scheduling.changeovers import (
    AttributeRule,
    Changeover,
    ChangeoverMatrix,
    DefaultChangeover,
    ExactChangeover,
)
from streams.domain.scheduling.problem import Link, Objective, Operation, Order, Problem, WorkCenter

BEGIN, LENGTH = 29_733_120, 6_000
FAMILIES = ("A", "B", "C")


@st.composite
def open_times(draw: st.DrawFn) -> OpenTime:
    """Windows with gaps; the second half of the horizon is open, so that everything fits."""
    edges = sorted(draw(st.sets(st.integers(0, LENGTH // 2), max_size=12)))
    spans = [(BEGIN + begin, BEGIN + end) for begin, end in zip(edges[::2], edges[1::2], strict=False)]
    return of_spans([*spans, (BEGIN + LENGTH // 2, BEGIN + LENGTH)], BEGIN, BEGIN + LENGTH)


@st.composite
def matrices(draw: st.DrawFn, centers: int) -> ChangeoverMatrix:
    minutes = st.integers(0, 30).map(Changeover)
    where = st.sampled_from([None, *(f"W{each}" for each in range(centers))])
    pairs = st.builds(ExactChangeover, st.sampled_from(FAMILIES), st.sampled_from(FAMILIES), minutes, where)
    rules = st.builds(
        AttributeRule,
        st.just("colour"),
        minutes,
        st.sampled_from([None, "dark"]),
        st.sampled_from([None, "light"]),
        where,
    )
    exact = draw(st.lists(pairs, max_size=4, unique_by=lambda each: (each[0], each[1], each[3])))
    return ChangeoverMatrix(
        tuple(exact),
        tuple(draw(st.lists(rules, max_size=2))),
        tuple(draw(st.lists(st.builds(DefaultChangeover, minutes), max_size=1))),
        {"A": {"colour": "dark"}, "B": {"colour": "light"}},
    )


@st.composite
def problems(draw: st.DrawFn, *, most: int = 4) -> Problem:
    """Up to so many orders of up to four operations, of which each follows any that go before it."""
    count = draw(st.integers(1, 3))
    centers = tuple(
        WorkCenter(
            f"W{each}",
            draw(open_times()),
            draw(st.sampled_from([None, *FAMILIES])),
            draw(st.one_of(st.none(), st.integers(BEGIN - 100, BEGIN + 500))),
        )
        for each in range(count)
    )
    orders, operations = [], []
    for number in range(draw(st.integers(1, most))):
        orders.append(
            Order(f"PO-{number}", draw(st.one_of(st.none(), st.integers(BEGIN, BEGIN + 1500))), draw(st.integers(0, 9)))
        )
        for step in range(draw(st.integers(1, 4))):
            before = draw(st.sets(st.integers(0, step - 1), max_size=2)) if step else set()
            where = draw(st.sets(st.integers(0, count - 1), min_size=1))
            operations.append(
                Operation(
                    f"{number}-{step}",
                    f"PO-{number}",
                    10 * (step + 1),
                    {f"W{each}": draw(st.integers(1, 120)) for each in sorted(where)},
                    tuple(
                        Link(f"{number}-{each}", draw(st.sampled_from([100, 100, 30, 1]))) for each in sorted(before)
                    ),
                    draw(st.integers(0, 20)),
                    draw(st.sampled_from([None, *FAMILIES])),
                    draw(st.one_of(st.none(), st.integers(BEGIN - 50, BEGIN + 800))),
                    setup_at={
                        f"W{each}": draw(st.integers(0, 40))
                        for each in sorted(draw(st.sets(st.sampled_from(sorted(where)))))
                    },
                )
            )
    objectives: list[Objective] = ["weighted_tardiness", "makespan"]
    objective = draw(st.sampled_from(objectives))
    return Problem(centers, tuple(operations), tuple(orders), draw(matrices(count)), objective)
