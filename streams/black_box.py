"""Remembers which records were in hand when the process died, so that a poison message does not kill it forever."""

import mmap
import os
import struct
from pathlib import Path
from typing import Final, NamedTuple

DEATHS_OF_A_POISON_MESSAGE: Final = 3
_LAYOUT = struct.Struct("<qqqqqq")


class Suspect(NamedTuple):
    """Offsets that were in hand at the last death, and how often the process died over them."""

    first: int
    last: int
    deaths: int


class BlackBox:
    """The mark of one inbox partition: a few bytes of shared memory in a file, which outlive a killed process.

    The first death accuses a batch, so its records are folded one by one; the second accuses one of them;
    after the third that one is a dead letter.
    """

    def __init__(self, folder: Path, processor: str, partition: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{processor}-{partition}"
        if not path.exists() or path.stat().st_size != _LAYOUT.size:
            path.write_bytes(_LAYOUT.pack(0, -1, 0, 0, -1, 0))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _LAYOUT.size)
        self.suspect = self._after_a_death()

    def _after_a_death(self) -> Suspect | None:
        """Who is to blame, if the last process that held this partition died while folding it."""
        first, last, deaths, held_first, held_last, holder = _LAYOUT.unpack(self._memory[:])
        known = Suspect(first, last, deaths) if first <= last else None
        if not holder or _is_alive(holder):
            return known
        is_the_same = known is not None and known.first <= held_first and held_last <= known.last
        return Suspect(held_first, held_last, deaths + 1 if is_the_same else 1)

    def take(self, first: int, last: int) -> None:
        """Say which offsets are in hand."""
        accused = self.suspect or (0, -1, 0)
        _LAYOUT.pack_into(self._memory, 0, *accused, first, last, os.getpid())

    def lay_down(self, next_offset: int) -> None:
        """Say that they were folded. Who is behind this offset has proved innocent."""
        if self.suspect is not None and self.suspect.last < next_offset:
            self.suspect = None
        _LAYOUT.pack_into(self._memory, 0, *(self.suspect or (0, -1, 0)), 0, -1, 0)

    def is_poison(self, offset: int) -> bool:
        """Whether this one record has killed the process too often."""
        suspect = self.suspect
        return (
            suspect is not None
            and suspect.deaths >= DEATHS_OF_A_POISON_MESSAGE
            and suspect.first == suspect.last == offset
        )

    def close(self) -> None:
        """Let go of the file."""
        self._memory.close()


def _is_alive(process: int) -> bool:
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
