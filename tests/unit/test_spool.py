"""What Kafka cannot take lies on disk in order, survives a torn write, and says when there is no room."""

import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connectors.spool import BYTES_READ_AT_ONCE, Spool, SpoolFull
from streams.driver import Output

PLENTY = 1024**3
NOON = 1_795_262_400.0


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Spool]]:
    """Opens the spool in `tmp_path`; whatever a test opens is closed afterwards."""
    spools: list[Spool] = []

    def open_spool(path: Path = tmp_path / "spool.sqlite", max_bytes: int = PLENTY) -> Spool:
        spools.append(Spool(path, max_bytes))
        return spools[-1]

    yield open_spool
    for spool in spools:
        spool.close()


def record(number: int, size: int = 0) -> Output:
    return Output("machine-inbox", b"t/M-%d" % (number % 3), b"%d " % number + b"x" * size)


def numbers(spool: Spool) -> list[int]:
    """Which records the spool holds, from its front."""
    return [int(kept.output.value.split()[0]) for kept in spool.first(100_000)]


def after_a_power_cut(spool: Path, folder: Path, bytes_lost: int = 0) -> Path:
    """The files as they lie on disk while the spool is open, the end of what was written last missing."""
    folder.mkdir()
    for end in ("", "-wal"):
        shutil.copy(f"{spool}{end}", folder / f"spool.sqlite{end}")
    log = folder / "spool.sqlite-wal"
    with log.open("r+b") as file:
        file.truncate(max(0, log.stat().st_size - bytes_lost))
    return folder / "spool.sqlite"


@contextmanager
def a_disk_that_holds(file_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond that: for SQLite a disk without room."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_records_come_back_in_the_order_they_were_kept_and_byte_for_byte(opened: Callable[..., Spool]) -> None:
    spool = opened()
    odd = [Output("a", b"", b""), Output("b", b"\x00\xff", bytes(range(256))), Output("c", b"k", b'{"late":true}')]
    spool.keep(odd, NOON)
    spool.keep([record(1)], NOON + 1)
    assert [kept.output for kept in spool.first(10)] == [*odd, record(1)]


def test_what_was_kept_is_there_after_a_restart(opened: Callable[..., Spool]) -> None:
    opened().keep([record(number) for number in range(100)], NOON)
    again = opened()
    assert numbers(again) == list(range(100))
    assert (again.depth, again.oldest_at) == (100, NOON)


def test_what_kafka_has_is_forgotten_and_the_rest_keeps_its_order(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.keep([record(number) for number in range(10)], NOON)
    spool.keep([record(10)], NOON + 60)
    spool.forget(spool.first(10)[-1].number)
    assert numbers(spool) == [10]
    assert (spool.depth, spool.oldest_at) == (1, NOON + 60)
    assert numbers(opened()) == [10]


def test_forgetting_twice_takes_nothing_more(opened: Callable[..., Spool]) -> None:
    spool = opened()
    last = spool.keep([record(0), record(1)], NOON)
    spool.keep([record(2)], NOON)
    spool.forget(last)
    spool.forget(last)
    assert (spool.depth, numbers(spool)) == (1, [2])


def test_an_emptied_spool_has_no_oldest_record_and_gives_the_disk_back(
    opened: Callable[..., Spool], tmp_path: Path
) -> None:
    spool = opened()
    empty = spool.size_bytes()
    last = spool.keep([record(number, 4000) for number in range(1000)], NOON)
    spool.forget(last)
    assert (spool.depth, spool.oldest_at, spool.first(10)) == (0, None, [])
    assert spool.size_bytes() <= empty + 4096
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 200_000


def test_numbers_are_never_used_again_so_a_late_forget_cannot_hit_newer_records(opened: Callable[..., Spool]) -> None:
    spool = opened()
    last = spool.keep([record(0)], NOON)
    spool.forget(last)
    spool.keep([record(1)], NOON)
    opened().forget(last)
    assert numbers(opened()) == [1]


@pytest.mark.parametrize("bytes_lost", [0, 1, 24, 512, 4096, 4120])
def test_a_torn_write_costs_the_last_batch_and_nothing_before_it(
    opened: Callable[..., Spool], tmp_path: Path, bytes_lost: int
) -> None:
    spool = opened()
    spool.keep([record(0), record(1)], NOON)
    spool.keep([record(2)], NOON)
    spool.keep([record(3), record(4)], NOON)
    torn = opened(after_a_power_cut(tmp_path / "spool.sqlite", tmp_path / "torn", bytes_lost))
    assert numbers(torn) == ([0, 1, 2] if bytes_lost else [0, 1, 2, 3, 4])


def test_after_a_torn_write_the_spool_takes_records_again(opened: Callable[..., Spool], tmp_path: Path) -> None:
    spool = opened()
    spool.keep([record(0)], NOON)
    spool.keep([record(1)], NOON)
    torn = opened(after_a_power_cut(tmp_path / "spool.sqlite", tmp_path / "torn", 100))
    torn.keep([record(2)], NOON + 1)
    assert numbers(torn) == [0, 2]


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=st.lists(st.integers(0, 9000), min_size=1, max_size=6), lost=st.integers(0, 40_000))
def test_wherever_the_write_is_torn_whole_batches_from_the_front_are_left(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], lost: int
) -> None:
    folder = tmp_path_factory.mktemp("spool")
    spool = Spool(folder / "spool.sqlite", PLENTY)
    for batch, size in enumerate(sizes):
        spool.keep([record(2 * batch, size), record(2 * batch + 1, size)], NOON)
    torn = Spool(after_a_power_cut(folder / "spool.sqlite", folder / "torn", lost), PLENTY)
    left = numbers(torn)
    assert left == list(range(len(left)))
    assert len(left) % 2 == 0
    torn.close()
    spool.close()


def test_a_spool_at_its_limit_refuses_a_batch_whole_and_says_how_full_it_is(opened: Callable[..., Spool]) -> None:
    spool = opened(max_bytes=200_000)
    spool.keep([record(0, 100_000)], NOON)
    with pytest.raises(SpoolFull, match="holds 1 messages and would pass 200000 bytes"):
        spool.keep([record(1, 50_000), record(2, 50_000)], NOON)
    assert numbers(spool) == [0]


def test_a_full_spool_takes_records_again_once_kafka_has_taken_some(opened: Callable[..., Spool]) -> None:
    spool = opened(max_bytes=200_000)
    last = spool.keep([record(0, 100_000)], NOON)
    with pytest.raises(SpoolFull):
        spool.keep([record(1, 100_000)], NOON)
    spool.forget(last)
    spool.keep([record(1, 100_000)], NOON)
    assert numbers(spool) == [1]


def test_a_full_disk_refuses_and_keeps_what_was_there(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.keep([record(0, 10_000)], NOON)
    with a_disk_that_holds(60_000), pytest.raises(SpoolFull, match="The disk does not take the spool"):
        spool.keep([record(number, 10_000) for number in range(1, 50)], NOON)
    assert (spool.depth, numbers(spool)) == (1, [0])


def test_a_disk_with_room_again_is_used_again(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.keep([record(0, 10_000)], NOON)
    with a_disk_that_holds(60_000), pytest.raises(SpoolFull):
        spool.keep([record(1, 100_000)], NOON)
    spool.keep([record(2, 100_000)], NOON)
    assert numbers(spool) == [0, 2]
    assert numbers(opened()) == [0, 2]


def test_large_records_are_read_in_portions_that_fit_into_memory(opened: Callable[..., Spool]) -> None:
    spool = opened()
    spool.keep([record(number, 1_000_000) for number in range(30)], NOON)
    portion = spool.first(2000)
    assert sum(len(kept.output.value) for kept in portion) < BYTES_READ_AT_ONCE + 1_100_000
    assert len(portion) < 30


def test_every_batch_is_flushed_to_the_disk_itself_before_keep_returns(
    opened: Callable[..., Spool], tmp_path: Path
) -> None:
    opened().keep([record(0)], NOON)
    with sqlite3.connect(tmp_path / "spool.sqlite") as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    spool = opened()
    assert spool._pragma("synchronous") == 2  # FULL: the write-ahead log is fsynced at each commit
