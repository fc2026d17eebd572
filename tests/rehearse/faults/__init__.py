"""Every kind of fault on one page: its name in the timeline, and what does it."""

from typing import Final

from tests.rehearse.faults import disk, log, processes, servers, systems, ways, workers
from tests.rehearse.site import Fault

FAULTS: Final[dict[str, Fault]] = {
    "kill": processes.kill,
    "kill two": processes.kill,
    "kill again": processes.kill_again,
    "sleep": processes.sleep,
    "long sleep": processes.sleep,
    "stop": servers.stop,
    "outage": servers.stop,
    "cut": ways.cut,
    "slow": ways.slow,
    "black hole": ways.swallow,
    "full disk": disk.fill,
    "come and go": workers.come_and_go,
    "lost changelogs": log.lose_changelogs,
    "emptied changelog": log.empty_changelog,
    "offsets to the beginning": log.rewind,
    "lost answers": systems.lose_answers,
}
