"""A rehearsal is shown while it runs: on the terminal, as JSON, and as a page."""

import json
from io import StringIO
from pathlib import Path

from rich.console import Console

from tests.rehearse.certificate import Recovery
from tests.rehearse.progress import FILE, PAGE, Progress
from tests.rehearse.timeline import Hurt

ASKED = {"seed": 7, "duration": 90, "rate": 500, "workers": 2}


def test_a_fault_is_shown_while_it_lasts_and_how_the_plant_recovered(tmp_path: Path) -> None:
    terminal = StringIO()
    progress = Progress(Console(file=terminal, width=120), tmp_path, ASKED, lambda: 1234)
    progress.phase("hurting")
    progress.begins(Hurt(5.0, "cut", "agents>kafka", 3.0))
    (fault,) = json.loads((tmp_path / FILE).read_text())["faults"]
    assert (fault["fault"], fault["target"], fault["is_over"]) == ("cut", "agents>kafka", False)
    assert "agents&gt;kafka" in (tmp_path / PAGE).read_text()
    progress.ended(Recovery("cut", "agents>kafka", 5.0, 2.5))
    progress.begins(Hurt(15.0, "kill", "projector", 0.0))
    progress.ended(Recovery("kill", "projector", 15.0, None))
    faults = json.loads((tmp_path / FILE).read_text())["faults"]
    assert [(fault["is_over"], fault["recovery_seconds"]) for fault in faults] == [(True, 2.5), (True, None)]
    page = (tmp_path / PAGE).read_text()
    assert "2.5 s" in page
    assert "not recovered" in page
    assert "refresh" in page
    assert "recovered in   2.5 s  (1,234 said)" in terminal.getvalue()
    assert "NOT RECOVERED" in terminal.getvalue()
    progress.phase("done")
    assert "refresh" not in (tmp_path / PAGE).read_text()
