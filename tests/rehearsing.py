"""A plant in memory on which messages are heard for good or rehearsed."""

from collections import Counter, deque
from dataclasses import dataclass, field
from typing import Any

from schemas.envelope import Message
from schemas.settings import DEFAULT_TENANT
from streams.driver import Output, Processor, Record, fold_batch, output_of
from streams.kafka.partitions import partition_of
from streams.rehearsal import Rehearsed, rehearse
from streams.topology import TOPOLOGY

PARTITIONS = 4


@dataclass
class Floor:
    """A plant in memory: four partitions an inbox, states, and everything that was ever said."""

    topology: tuple[Processor, ...] = TOPOLOGY
    states: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    offsets: Counter[tuple[str, int]] = field(default_factory=Counter)
    events: list[Output] = field(default_factory=list)

    def partition_of(self, key: bytes) -> int:
        return partition_of(key, PARTITIONS)

    def state_of(self, processor: Processor, key: bytes) -> bytes | None:
        return self.states.get((processor.name, key))

    def next_offset(self, inbox: str, partition: int) -> int:
        return self.offsets[inbox, partition]

    def hear(self, *said: Message[Any]) -> None:
        """Fold messages for good, each with all that follows from it."""
        inboxes = {each.inbox: each for each in self.topology}
        waiting = deque(output_of(each) for each in said)
        while waiting:
            heard = waiting.popleft()
            if heard.topic not in inboxes:
                self.events.append(heard)
                continue
            folding, partition = inboxes[heard.topic], self.partition_of(heard.key)
            offset = self.offsets[heard.topic, partition]
            self.offsets[heard.topic, partition] += 1
            state = self.states.get((folding.name, heard.key))
            known = {} if state is None else {heard.key: state}
            batch = fold_batch(folding, partition, known, [Record(offset, heard.key, heard.value)])
            self.states |= {(folding.name, key): value for key, value in batch.changed.items()}
            # What is said stands in the log in this order, whatever follows from it.
            self.events += (output for output in batch.outputs if output.topic not in inboxes)
            waiting.extendleft(reversed([output for output in batch.outputs if output.topic in inboxes]))

    def rehearse(self, *said: Message[Any]) -> Rehearsed:
        return rehearse(self.topology, self, DEFAULT_TENANT, [[output_of(each)] for each in said])
