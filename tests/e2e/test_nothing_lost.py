"""Every unit a machine made is in Postgres once, while the processes in between are killed."""

import base64
import contextlib
import json
import os
import signal
import threading
from collections import Counter
from typing import Any

import httpx2
import pytest

from tests.e2e.load import (
    Load,
    assert_no_doubles,
    await_truth,
    count_message,
    create_orders,
    erp_client,
    mqtt_client,
    order_body,
    recovered,
)
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.chaos, pytest.mark.alone, pytest.mark.timeout(600)]

RATE = int(os.environ.get("CHAOS_RATE", "500"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "60"))
ROUNDS = int(os.environ.get("CHAOS_ROUNDS", "1"))


def _pause(seconds: float) -> None:
    """The timeline of a rehearsal: time is what is being tested here."""
    threading.Event().wait(seconds)


def test_kill_9_of_each_process_in_turn_loses_and_doubles_nothing(plant: RunningPlant) -> None:
    orders = create_orders(plant.endpoints, [f"KILL-{number}" for number in range(5)])
    load = Load(plant.endpoints, orders, RATE, SECONDS)
    load.start()
    victims = ["mes-mqtt", "agents", "projector", "gateway"] * ROUNDS
    for victim in victims:
        _pause(3)
        plant.kill(victim)
        print(f"{victim}: current again after {recovered(plant.endpoints, orders):.1f} s")
    load.finish()
    waited = await_truth(plant.endpoints, load.truth, 60)
    print(f"{load.sent} counts, {len(victims)} kills, in Postgres {waited:.1f} s after the last")
    assert_no_doubles(plant.endpoints, load)


def test_a_worker_that_was_asleep_longer_than_its_session_loses_nothing(plant: RunningPlant) -> None:
    plant.ensure_workers(2)
    orders = create_orders(plant.endpoints, [f"SLEEP-{number}" for number in range(5)])
    load = Load(plant.endpoints, orders, min(RATE, 300), 40)
    load.start()
    _pause(8)
    sleeper = plant.pid("agents-2")
    os.kill(sleeper, signal.SIGSTOP)
    _pause(18)
    with contextlib.suppress(ProcessLookupError):
        os.kill(sleeper, signal.SIGCONT)
    load.finish()
    await_truth(plant.endpoints, load.truth, 90)
    assert_no_doubles(plant.endpoints, load)


@pytest.mark.parametrize("service", ["kafka", "postgres"])
def test_a_restart_of_a_service_loses_nothing(plant: RunningPlant, service: str) -> None:
    orders = create_orders(plant.endpoints, [f"RESTART-{service}-{number}" for number in range(3)])
    load = Load(plant.endpoints, orders, 200, 25)
    load.start()
    _pause(5)
    plant.kill(service)
    print(f"{service}: current again after {recovered(plant.endpoints, orders):.1f} s")
    load.finish()
    await_truth(plant.endpoints, load.truth, 90)
    assert_no_doubles(plant.endpoints, load)


def _broken_payloads() -> list[tuple[str, bytes, str]]:
    topic, good = count_message("M-201", "WO-NOBODY", 1)
    return [
        (topic, b"", "EMPTY_MESSAGE"),
        (topic, b"offline", "INVALID_JSON"),
        (topic, good[:-9], "TRUNCATED_JSON"),
        (topic, good + b" " * (256 * 1024), "MESSAGE_TOO_LARGE"),
        (topic, b"[" * 5000, "NESTED_TOO_DEEP"),
        (topic, good.replace(b"44.8", b"NaN"), "INVALID_JSON"),
        (topic, good.replace(b"WO-NOBODY", b"WO-\\u0000"), "NUL_CHARACTER"),
        (topic, good.replace(b"WO-NOBODY", b"WO-\xff"), "NOT_UTF8"),
        (topic, good.replace(b'"units_produced": 1', b'"units_produced": "1"'), "VALIDATION_ERROR"),
        (count_message("M-404", "WO-NOBODY", 1)[0], count_message("M-404", "WO-NOBODY", 1)[1], "UNKNOWN_MACHINE"),
        (topic, count_message("M-201", "WO-NOBODY", 2)[1], "UNKNOWN_WORK_ORDER"),
        (topic, count_message("M-201", "WO-1", 1, timestamp="2000-01-01T00:00:00Z")[1], "STALE_TIMESTAMP"),
        (topic, count_message("M-201", "WO-1", 1, timestamp="2100-01-01T00:00:00Z")[1], "FUTURE_TIMESTAMP"),
    ]


def test_each_broken_payload_is_one_dead_letter_with_its_bytes_and_the_others_do_not_notice(
    plant: RunningPlant,
) -> None:
    (order,) = create_orders(plant.endpoints, ["BROKEN-1"])
    client = mqtt_client(plant.endpoints, "broken")
    sent = _broken_payloads()
    for number, (topic, data, _) in enumerate(sent, 1):
        client.publish(topic, data, qos=1)
        client.publish(*count_message("M-205", order, number), qos=1).wait_for_publish(30)
    client.disconnect()
    client.loop_stop()
    await_truth(plant.endpoints, Counter({order: len(sent)}), 30)
    for topic, data, code in sent:
        if code in ("UNKNOWN_MACHINE", "UNKNOWN_WORK_ORDER"):
            found = plant.await_rows("SELECT 1 FROM integration_failures WHERE error_code = %s", code)
            assert len(found) >= 1
            continue
        query = "SELECT error_code FROM integration_failures WHERE original_bytes = %s AND source_address = %s"
        assert plant.await_rows(query, data, topic) == [(code,)], base64.b64encode(data[:60])


def test_eight_times_the_same_order_at_once_is_one_order(plant: RunningPlant) -> None:
    body = order_body("AT-ONCE-1", 10)
    answers: list[httpx2.Response] = []
    with erp_client(plant.endpoints) as client:
        threads = [
            threading.Thread(
                target=lambda: answers.append(client.post("/api/v1/integrations/erp/work-orders", json=body))
            )
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    codes = sorted(answer.status_code for answer in answers)
    assert codes == [200] + [409] * 7
    ids = {json.dumps(_id(answer)) for answer in answers}
    assert len(ids) == 1
    rows = plant.await_rows("SELECT work_order_id FROM work_orders WHERE erp_work_order_id = 'AT-ONCE-1'")
    assert [f'"{order}"' for (order,) in rows] == list(ids)


def _id(answer: httpx2.Response) -> Any:
    return answer.json()["mraos_work_order_id"]
