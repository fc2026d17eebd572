"""`python -m tests.bench [--only name,name]`: runs the measures, prints ratios, writes `.run/bench.json`.

Contests need Kafka only and run on a plant without our processes; what is measured from end to end gets a whole one.
"""

import argparse
import importlib
import json
import os
import pkgutil
import platform
from pathlib import Path

import tests.bench
from tests.bench.figures import Figure, Measure
from tests.plants import running_plant
from tests.systems import SimulatedSystems, simulated_systems


def measures() -> dict[str, Measure]:
    """Every measure of this folder by name: what the modules list under MEASURES."""
    found: dict[str, Measure] = {}
    for module in sorted(each.name for each in pkgutil.iter_modules(tests.bench.__path__)):
        if module != "__main__":
            found |= getattr(importlib.import_module(f"tests.bench.{module}"), "MEASURES", {})
    return found


def show(figure: Figure) -> None:
    value, other = (
        f"{number:,.3f}" if number < 10 else f"{number:,.0f}" for number in (figure.value, figure.against_value)
    )
    print(
        f"{figure.name:30} {value:>10} {figure.unit:10} {figure.ratio:>6.2f} x {figure.against} ({other}); "
        f"wanted {figure.least}, aim {figure.aim}",
        flush=True,
    )


def write(figures: list[Figure], path: Path) -> None:
    """Keep earlier figures that were not measured this time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    known = {each["name"]: each for each in json.loads(path.read_text())} if path.exists() else {}
    known |= {each.name: each._asdict() for each in figures}
    path.write_text(json.dumps(list(known.values()), indent=1) + "\n")


def _pas(systems: SimulatedSystems) -> dict[str, str]:
    """A plant calls nobody but the PAS, which only gets what somebody starts."""
    return {name: value for name, value in systems.settings().items() if name.startswith(("PAS_", "INTEGRATION_"))}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--list", action="store_true", help="say what can be measured")
    chosen = parser.parse_args()
    known = measures()
    if chosen.list:
        print("\n".join(known))
        return
    names = chosen.only.split(",") if chosen.only else list(known)
    if unknown := [name for name in names if name not in known]:
        parser.error(f"No measure is called {', '.join(unknown)}. There are: {', '.join(known)}.")
    os.environ.setdefault("RATE_LIMIT_PER_MINUTE", "1000000")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    path = Path(os.environ.get("RUN_DIR", ".run")) / "bench.json"
    for is_whole in (False, True):
        due = [known[name] for name in names if known[name].needs_whole_plant is is_whole]
        if due:
            with simulated_systems() as systems, running_plant(infra_only=not is_whole, told=_pas(systems)) as plant:
                plant.simulated = systems
                systems.know(plant.endpoints)
                for measure in due:
                    figure = measure.take(plant)
                    show(figure)
                    write([figure], path)


if __name__ == "__main__":
    main()
