"""`python -m compose.observability targets|write`: what a Prometheus needs to watch the running plant."""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from compose.local import endpoints as env
from compose.local.folder import Folder, run_directory

HERE = Path(__file__).parent
app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)
To = Annotated[Path, typer.Argument(help="folder to write into")]


def targets(metrics_urls: str) -> list[dict[str, Any]]:
    """Prometheus' file_sd form of METRICS_URLS (`name=http://host:port/metrics,...`)."""
    pairs = (each.partition("=") for each in metrics_urls.split(",") if each)
    return [_target(name.strip(), url.strip()) for name, _, url in pairs]


def _target(name: str, url: str) -> dict[str, Any]:
    parts = urlsplit(url)
    labels = {"process": name, "__metrics_path__": parts.path or "/metrics", "__scheme__": parts.scheme}
    return {"targets": [parts.netloc], "labels": labels}


def write_into(folder: Path, metrics_urls: str) -> Path:
    """Put configuration, rules and targets into a folder; the path of the configuration."""
    (folder / "targets").mkdir(parents=True, exist_ok=True)
    for name in ("prometheus.yml", "rules.yml"):
        shutil.copyfile(HERE / name, folder / name)
    (folder / "targets" / "plant.json").write_text(json.dumps(targets(metrics_urls), indent=2) + "\n")
    return folder / "prometheus.yml"


def metrics_urls(environment: Mapping[str, str]) -> str:
    """From the environment, or from `endpoints.env` of the plant in RUN_DIR."""
    if given := environment.get("METRICS_URLS"):
        return given
    path = Folder(run_directory(None)).endpoints
    if not path.exists():
        raise typer.BadParameter(f"There is no plant in {path.parent}: start one with `make up`, or set METRICS_URLS.")
    return env.read(path)["METRICS_URLS"]


@app.command("targets")
def show() -> None:
    """Print the targets of the running plant, for file_sd."""
    typer.echo(json.dumps(targets(metrics_urls(os.environ)), indent=2))


@app.command()
def write(folder: To) -> None:
    """Write prometheus.yml, rules.yml and targets; then `prometheus --config.file=FOLDER/prometheus.yml` runs."""
    typer.echo(write_into(folder, metrics_urls(os.environ)))


if __name__ == "__main__":
    app()
