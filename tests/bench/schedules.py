"""Finite scheduling beside dispatch rules, proven optima and the time that planners are ready to wait."""

import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

from schemas.settings import Settings
from streams.domain.calendars import of_spans
from streams.domain.scheduling.budget import Budget
from streams.domain.scheduling.checker import check
from streams.domain.scheduling.disturbances import Closure
from streams.domain.scheduling.engine import dispatch, schedule
from streams.domain.scheduling.problem import Link, Operation, Order, Problem, WorkCenter
from streams.domain.scheduling.proposals import propose
from tests.bench.figures import Figure, contest
from tests.shops import BEGIN, shop

SEED = 6
JOB_SHOPS = Path(__file__).with_name("job_shops.txt")


def within(seconds: float) -> Budget:
    """So many seconds from now on."""
    began = time.perf_counter()
    return Budget(seconds=seconds, elapsed=lambda: time.perf_counter() - began)


def schedule_100x4(settings: Settings) -> Figure:
    """Weighted tardiness after 5 s over that of the best ATCS of the grid, summed over three shops."""
    ours, theirs = 0, 0
    for seed in range(3):
        problem = shop(seed, 100)
        edd, atcs = (dispatch(problem, (rule,)).cost for rule in ("EDD", "ATCS"))
        made = schedule(problem, within(5.0), Random(SEED))
        assert check(problem, made.schedule) == [], "the schedule breaks a constraint"
        told = f"EDD {edd:,}  best ATCS {atcs:,}  ours {made.cost:,}  bound {made.lower_bound:,}"
        print(f"  shop {seed}: {told}  {made.cost / atcs:.2f} of ATCS, {made.cost / edd:.2f} of EDD")
        ours, theirs = ours + made.cost, theirs + atcs
    name, against = "schedule_100x4_vs_atcs", "the best ATCS of the grid"
    return Figure(name, ours, "weighted min", against, theirs, round(ours / theirs, 3), "1x", "0.6x")


def dispatch_500(settings: Settings) -> Figure:
    """The best schedule of all rules and the grid for 500 orders of 4 operations."""
    problem = shop(SEED, 500, days=200)
    began = time.perf_counter()
    made = dispatch(problem)
    seconds = time.perf_counter() - began
    print(f"  all rules and the grid of ATCS: {made.rule} was the best, of {len(problem.operations)} operations")
    for rule in ("EDD", "SPT", "CR"):
        since = time.perf_counter()
        dispatch(problem, (rule,))
        print(f"  {rule} alone: {time.perf_counter() - since:.3f} s")
    name, against = "dispatch_500_seconds", "what is asked for"
    return Figure(name, round(seconds, 3), "s", against, 1.0, round(seconds, 3), "1x", "0.2x")


def classics() -> Iterator[tuple[str, int, Problem]]:
    """The job-shop classics: name, optimal makespan, and the problem."""
    for text in JOB_SHOPS.read_text().split("\n\n"):
        head, *jobs = [line for line in text.splitlines() if not line.startswith("#")]
        name, optimum = head.split()
        yield name, int(optimum), job_shop([[int(each) for each in line.split()] for line in jobs])


def job_shop(jobs: list[list[int]]) -> Problem:
    opened = of_spans([(0, 10_000)], 0, 10_000)
    centers = tuple(WorkCenter(f"M{number}", opened) for number in range(len(jobs[0]) // 2))
    operations = tuple(
        Operation(
            f"{job}-{step}",
            f"J{job}",
            step + 1,
            {f"M{line[2 * step]}": line[2 * step + 1]},
            (Link(f"{job}-{step - 1}"),) if step else (),
        )
        for job, line in enumerate(jobs)
        for step in range(len(line) // 2)
    )
    return Problem(centers, operations, tuple(Order(f"J{job}") for job in range(len(jobs))), objective="makespan")


def jsp_classics(settings: Settings) -> Figure:
    """The largest gap to the optimum, in percent, each in 10 s."""
    gaps = []
    for name, optimum, problem in classics():
        began = time.perf_counter()
        made = schedule(problem, within(10.0), Random(SEED))
        assert check(problem, made.schedule) == [], "the schedule breaks a constraint"
        gaps.append(100 * (made.cost - optimum) / optimum)
        told = "proven" if made.lower_bound == made.cost else f"bound {made.lower_bound}"
        print(f"  {name}: {made.cost} of {optimum}, {told}, {time.perf_counter() - began:.1f} s")
    worst = round(max(gaps), 3)
    return Figure("jsp_classics_gap", worst, "%", "what is asked for", 1.0, worst, "1x", "0x")


def proposal_5000(settings: Settings) -> Figure:
    """From a breakdown of four hours to a proposal, with 5,000 open operations on 50 work centres."""
    problem = shop(SEED, 1_250, centers=50, slack=1.2)
    before = dispatch(problem, ("ATCS",)).schedule
    now = BEGIN + 2 * 1440 + 9 * 60
    began = time.perf_counter()
    made = propose(problem, before, Closure("WC-4", now, now + 240, "breakdown"), now, Random(SEED))
    seconds = time.perf_counter() - began
    assert made.violations == (), "the proposal breaks a constraint"
    costs = f"before {made.cost_before:,}, doing nothing {made.cost_of_doing_nothing:,}, proposed {made.cost:,}"
    print(f"  {len(made.moves)} operations move, {len(made.orders)} orders end at another time; {costs}")
    name, against = "proposal_5000_seconds", "what is asked for"
    return Figure(name, round(seconds, 3), "s", against, 5.0, round(seconds / 5, 3), "1x", "0.4x")


MEASURES = {
    "schedule_100x4_vs_atcs": contest(schedule_100x4),
    "dispatch_500_seconds": contest(dispatch_500),
    "jsp_classics_gap": contest(jsp_classics),
    "proposal_5000_seconds": contest(proposal_5000),
}
