"""States of inboxes that have grown are the same as if all had always lain in one partition."""

from schemas.codec import encode
from schemas.topics import key_of
from streams.driver import Record, stored
from streams.kafka.partitions import partition_of
from streams.refold import fold_in_order, places_of
from streams.topology import processor
from tests.messages import count, registered, run

MACHINES = [f"M-{number}" for number in range(20)]
ERAS = (4, 6, 9)


def grown_log() -> list[tuple[int, Record]]:
    """Machines that count in three eras, with more partitions in each; partition by partition, as it is read."""
    ends = [0] * ERAS[-1]
    log = []
    for era, partitions in enumerate(ERAS):
        said = [registered(machine) for machine in MACHINES] if era == 0 else []
        said += [
            count(era * 10 + each, era * 10 + each, machine=machine) for each in range(1, 11) for machine in MACHINES
        ]
        for number, message in enumerate(said):
            key = key_of(message.type, message.tenant_id, message.payload)
            partition = partition_of(key, partitions)
            log.append((partition, Record(ends[partition], key, encode(message), 1_000 * era + number)))
            ends[partition] += 1
    return sorted(log, key=lambda each: (each[0], each[1].offset))


def test_an_entity_is_folded_over_its_partitions_in_the_order_in_which_it_lay_in_them() -> None:
    log, machines = grown_log(), processor("machines")
    places = places_of(log)
    assert {len(each) for each in places.values()} >= {2, 3}, "nothing moved, so nothing was tried"
    states, records = fold_in_order(machines, lambda: log, places)
    assert records == len(log)
    for machine in MACHINES:
        said = [registered(machine), *(count(each, each, machine=machine) for each in range(1, 31))]
        (expected,) = run("machines", said).changed.values()
        key = key_of(said[0].type, said[0].tenant_id, said[0].payload)
        found, wanted = stored(machines, states[key]), stored(machines, expected)
        assert found is not None
        assert wanted is not None
        assert found.state == wanted.state


def test_of_an_empty_inbox_nothing_is_known() -> None:
    assert fold_in_order(processor("machines"), list, places_of([])) == ({}, 0)
