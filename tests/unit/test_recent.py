"""Many who ask at once cost one look."""

import threading
from itertools import count

import pytest

from connectors.gateway.recent import Recent


def test_what_was_found_a_moment_ago_serves_the_next() -> None:
    now, looks = [0.0], count(1)
    recent = Recent(1.0, lambda: now[0])
    assert [recent.get("a", lambda: next(looks)) for _ in range(3)] == [1, 1, 1]
    now[0] = 1.0
    assert recent.get("a", lambda: next(looks)) == 2


def test_another_question_has_another_answer() -> None:
    recent = Recent(60)
    assert (recent.get("a", lambda: 1), recent.get("b", lambda: 2)) == (1, 2)


def test_a_look_that_fails_is_not_kept() -> None:
    recent = Recent(60)
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0)
    assert recent.get("a", lambda: 3) == 3


def test_those_who_ask_at_once_wait_for_one_look() -> None:
    recent, looks, may_end = Recent(60), count(1), threading.Event()

    def look() -> int:
        may_end.wait(5)
        return next(looks)

    found: list[int] = []
    asking = [threading.Thread(target=lambda: found.append(recent.get("a", look))) for _ in range(5)]
    for each in asking:
        each.start()
    may_end.set()
    for each in asking:
        each.join(5)
    assert found == [1] * 5
