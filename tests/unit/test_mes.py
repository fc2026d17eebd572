"""What machines say in the MES's words becomes our messages, or is refused with a reason."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.systems import mes
from connectors.systems.statement import Context, Statement
from schemas.codec import Unreadable, decode, encode
from schemas.envelope import Message
from schemas.ids import work_order_id
from schemas.messages.machines import DowntimeEnded, DowntimeStarted, Inspection, MachineStatus, ProductionCount
from schemas.settings import DEFAULT_TENANT

CONTEXT = Context(DEFAULT_TENANT)
COUNT_TOPIC = "mes/production/line2/machine/M-203/count"
INSPECTION_TOPIC = "mes/quality/line2/machine/M-203/inspection"
DOWNTIME_TOPIC = "mes/downtime/line2/machine/M-203/event"
STATUS_ADDRESS = "line2/MES.Machines.M-203.Status"

# The examples of 002 section 4.2.1, word for word.
COUNT = b"""{
  "machine_id": "M-203",
  "work_order_id": "WO-4600",
  "timestamp": "2025-11-18T14:26:15.456Z",
  "units_produced": 1,
  "cumulative_units": 85,
  "quality_status": "pass",
  "cycle_time_seconds": 44.8
}"""
INSPECTION = b"""{
  "machine_id": "M-203",
  "work_order_id": "WO-4600",
  "timestamp": "2025-11-18T14:27:00.000Z",
  "inspection_id": "INS-20251118-0042",
  "inspection_type": "inline_automated",
  "result": "pass",
  "defect_detected": false,
  "defect_type": null,
  "inspector": "AutoInspect_System"
}"""
DOWNTIME = b"""{
  "event_type": "downtime.started",
  "machine_id": "M-203",
  "timestamp": "2025-11-18T14:28:00.000Z",
  "downtime_reason_code": "MECH_FAULT",
  "downtime_reason_description": "Hydraulic system pressure drop",
  "severity": "high",
  "estimated_repair_time_minutes": 45,
  "work_order_affected": "WO-4600"
}"""
STATUS = {
    "CurrentStatus": "Running",
    "UtilizationPercentage": 85.2,
    "CurrentWorkOrderId": "WO-4600",
    "UnitsProducedThisCycle": 12,
    "CycleTimeSeconds": 45.3,
    "DowntimeSeconds": 0,
    "LastUpdateTimestamp": "2025-11-18T14:25:30.123Z",
}


def count(**changes: Any) -> Statement:
    """The document's count, with changes; None takes a field away."""
    body = {name: value for name, value in (json.loads(COUNT) | changes).items() if value is not ...}
    return mes.count(COUNT_TOPIC, json.dumps(body).encode(), CONTEXT)


def status(is_snapshot: bool = False, source_timestamp: str | None = None, **variables: Any) -> Statement:
    reading = {
        "machine_id": "M-203",
        "read_at": "2025-11-18T15:00:00Z",
        "source_timestamp": source_timestamp,
        "is_snapshot": is_snapshot,
        "variables": STATUS | variables,
    }
    return mes.status(STATUS_ADDRESS, json.dumps(reading).encode(), CONTEXT)


def refusal(data: bytes) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        mes.count(COUNT_TOPIC, data, CONTEXT)
    return caught.value


def test_the_documents_count_becomes_a_production_count() -> None:
    told = mes.count(COUNT_TOPIC, COUNT, CONTEXT)
    assert told.type == "mes.production_count"
    assert told.timestamp == datetime(2025, 11, 18, 14, 26, 15, 456000, UTC)
    assert told.message_id == "count-M-203-WO-4600-1763475975456-85"
    assert told.payload == ProductionCount(
        machine_id="M-203",
        work_order_id="WO-4600",
        units_produced=1,
        cumulative_units=85,
        quality_status="pass",
        cycle_time_seconds=44.8,
    )


def test_the_documents_inspection_becomes_an_inspection() -> None:
    told = mes.inspection(INSPECTION_TOPIC, INSPECTION, CONTEXT)
    assert (told.type, told.message_id) == ("mes.inspection", "inspection-INS-20251118-0042")
    assert told.payload == Inspection(
        machine_id="M-203",
        work_order_id="WO-4600",
        inspection_id="INS-20251118-0042",
        inspection_type="inline_automated",
        result="pass",
        defect_detected=False,
        defect_type=None,
        inspector="AutoInspect_System",
    )


def test_the_documents_downtime_starts_and_ends() -> None:
    told = mes.downtime(DOWNTIME_TOPIC, DOWNTIME, CONTEXT)
    assert (told.type, told.message_id) == ("mes.downtime_started", "downtime-M-203-started-1763476080000")
    assert isinstance(told.payload, DowntimeStarted)
    assert (told.payload.severity, told.payload.estimated_repair_time_minutes) == ("high", 45)
    ended = json.loads(DOWNTIME) | {"event_type": "downtime.ended"}
    told = mes.downtime(DOWNTIME_TOPIC, json.dumps(ended).encode(), CONTEXT)
    assert told.type == "mes.downtime_ended"
    assert isinstance(told.payload, DowntimeEnded)


def test_the_documents_seven_variables_become_a_machine_status() -> None:
    told = status()
    assert told.type == "mes.machine_status"
    assert told.timestamp == datetime(2025, 11, 18, 14, 25, 30, 123000, UTC)
    assert told.payload == MachineStatus(
        machine_id="M-203",
        status="running",
        utilization_percentage=85.2,
        current_work_order_id="WO-4600",
        units_produced_this_cycle=12,
        cycle_time_seconds=45.3,
        downtime_seconds=0,
    )


def test_a_source_timestamp_counts_more_than_the_variable_that_repeats_it() -> None:
    assert status(source_timestamp="2025-11-18T14:25:31Z").timestamp == datetime(2025, 11, 18, 14, 25, 31, tzinfo=UTC)


def test_a_snapshot_says_what_is_when_it_is_read() -> None:
    told = status(is_snapshot=True, source_timestamp="2025-11-18T09:00:00Z")
    assert told.timestamp == datetime(2025, 11, 18, 15, 0, tzinfo=UTC)
    assert told.payload.is_snapshot


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ("Running", "running"),
        ("Idle", "idle"),
        ("Stopped", "stopped"),
        ("Faulted", "breakdown"),
        ("Producing", "running"),
        ("Down", "breakdown"),
        ("FAULTED", "breakdown"),
        (" running ", "running"),
    ],
)
def test_every_name_of_a_status_has_one_meaning(told: str, meant: str) -> None:
    assert status(CurrentStatus=told).payload.status == meant
    assert status(CurrentStatus=None, MachineStatus=told).payload.status == meant


def test_a_status_nobody_knows_is_refused_and_named() -> None:
    with pytest.raises(Unreadable) as caught:
        status(CurrentStatus="Exploded")
    assert caught.value.code == "UNKNOWN_STATUS"
    assert "'Exploded'" in caught.value.reason
    assert caught.value.path == "variables.CurrentStatus"


def test_a_machine_that_tells_no_status_is_unknown() -> None:
    assert status(CurrentStatus=None).payload.status == "unknown"


def test_a_job_number_is_the_erps_order_and_maps_to_ours() -> None:
    ours = work_order_id(DEFAULT_TENANT, "WO-ERP-452100")
    assert count(work_order_id=..., JobNumber="WO-ERP-452100").payload.work_order_id == ours
    assert status(CurrentWorkOrderId="", JobNumber="WO-ERP-452100").payload.current_work_order_id == ours


FIELDS: dict[str, Any] = {"JobNumber": "J-1", "PartNumber": "P-1", "Quantity": 5, "MachineStatus": "Down", "OEE": 81.5}


def test_the_fields_of_section_4_3_are_mapped_wherever_they_are_said() -> None:
    counted = count(work_order_id=..., **FIELDS).payload
    told = status(CurrentStatus=None, CurrentWorkOrderId="", **FIELDS).payload
    for payload, order in ((counted, counted.work_order_id), (told, told.current_work_order_id)):
        assert order == work_order_id(DEFAULT_TENANT, "J-1")
        assert payload.product_id == "P-1"
        assert payload.quantity_ordered == 5
        assert payload.status == "breakdown"
        assert payload.overall_equipment_effectiveness == 81.5


def test_a_count_that_says_none_of_these_fields_says_nothing_about_them() -> None:
    told = count().payload
    assert (told.status, told.product_id, told.quantity_ordered) == (None, None, None)
    assert told.overall_equipment_effectiveness is None


def test_a_reading_from_the_history_has_the_moment_it_is_about() -> None:
    data = json.dumps(
        {
            "machine_id": "M-203",
            "read_at": "2025-11-18T15:00:00Z",
            "source_timestamp": "2025-11-18T14:30:00Z",
            "is_historical": True,
            "variables": {"CurrentStatus": "Faulted"},
        }
    ).encode()
    said = mes.status("line2/MES.Machines.M-203.Status", data, CONTEXT)
    assert said.timestamp == datetime(2025, 11, 18, 14, 30, tzinfo=UTC)
    assert said.payload.is_historical


def test_a_missing_cycle_time_stays_missing() -> None:
    assert count(cycle_time_seconds=None).payload.cycle_time_seconds is None
    assert count(cycle_time_seconds=...).payload.cycle_time_seconds is None


def test_a_missing_quality_is_unknown_and_more_fields_are_welcome() -> None:
    assert count(quality_status=..., operator="O-156", nested={"a": [1]}).payload.quality_status == "unknown"


def test_other_time_zones_are_the_same_moment() -> None:
    assert count(timestamp="2025-11-18T16:26:15.456+02:00") == count()


def test_the_same_reading_has_the_same_id_and_another_one_another() -> None:
    assert count().message_id == count(cycle_time_seconds=1).message_id
    assert count().message_id != count(cumulative_units=86).message_id


def test_an_id_that_would_be_too_long_is_hashed() -> None:
    assert len(count(work_order_id="W" * 128).message_id) == 32


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"units_produced": "1"}, "units_produced"),
        ({"units_produced": True}, "units_produced"),
        ({"units_produced": 1.5}, "units_produced"),
        ({"cumulative_units": -1}, "cumulative_units"),
        ({"cumulative_units": 2**60}, "cumulative_units"),
        ({"timestamp": "2025-11-18T14:26:15.456"}, "timestamp"),
        ({"timestamp": 1763475975}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "0001-01-01T00:00:00+14:00"}, "timestamp"),
        ({"machine_id": ""}, "machine_id"),
        ({"quality_status": "superb"}, "quality_status"),
        ({"cycle_time_seconds": "fast"}, "cycle_time_seconds"),
        ({"work_order_id": ...}, "work_order_id"),
        ({"work_order_id": None}, "work_order_id"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(Unreadable) as caught:
        count(**changes)
    assert caught.value.code in ("VALIDATION_ERROR", "NUMBER_OUT_OF_RANGE")
    assert path in (caught.value.path or caught.value.reason)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "EMPTY_MESSAGE"),
        (b"offline", "INVALID_JSON"),
        (COUNT[:-5], "TRUNCATED_JSON"),
        (COUNT + b" " * 256 * 1024, "MESSAGE_TOO_LARGE"),
        (b"[" * 5000, "NESTED_TOO_DEEP"),
        (COUNT.replace(b"44.8", b"NaN"), "INVALID_JSON"),
        (COUNT.replace(b"44.8", b"1e999"), "NUMBER_OUT_OF_RANGE"),
        (COUNT.replace(b"WO-4600", b"WO-\\u0000"), "NUL_CHARACTER"),
        (COUNT.replace(b"WO-4600", b"WO-\xff"), "NOT_UTF8"),
        (COUNT[:-2] + b', "note": "\xff" }', "NOT_UTF8"),
        (COUNT.replace(b"M-203", b"M-204"), "MACHINE_MISMATCH"),
        (b'{"machine_id": "M-203", "status": "offline"}', "WILL_MESSAGE"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_own_code(data: bytes, code: str) -> None:
    assert refusal(data).code == code


def test_a_machine_that_speaks_on_anothers_topic_is_refused_naming_both() -> None:
    reason = refusal(COUNT.replace(b"M-203", b"M-204")).reason
    assert "M-203" in reason
    assert "M-204" in reason


def test_one_bad_variable_does_not_hide_the_others() -> None:
    good, bad = mes.sound(
        STATUS | {"UtilizationPercentage": float("nan"), "CycleTimeSeconds": "slow", "UnitsProducedThisCycle": 12.0}
    )
    assert set(bad) == {"UtilizationPercentage", "CycleTimeSeconds"}
    assert good["CurrentStatus"] == "Running"
    assert good["UnitsProducedThisCycle"] == 12


TRANSLATORS = [(mes.count, COUNT_TOPIC), (mes.inspection, INSPECTION_TOPIC), (mes.downtime, DOWNTIME_TOPIC)]
fields = st.sampled_from([*json.loads(COUNT), *json.loads(INSPECTION), *json.loads(DOWNTIME), "JobNumber"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["M-203", "pass", "fail"])
    | st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
documents = st.builds(
    lambda base, changes: json.dumps(base | changes).encode(),
    st.sampled_from([json.loads(COUNT), json.loads(INSPECTION), json.loads(DOWNTIME)]),
    st.dictionaries(fields, values, max_size=4),
)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.binary() | documents | st.sampled_from([COUNT, INSPECTION, DOWNTIME]).map(lambda data: data[3:]))
@example(b'{"machine_id": "\\ud800"}')
def test_a_translator_gives_a_readable_message_or_unreadable_and_nothing_else(data: bytes) -> None:
    for translate, topic in TRANSLATORS:
        try:
            told = translate(topic, data, CONTEXT)
        except Unreadable:
            continue
        assert timedelta(0) == told.timestamp.utcoffset()
        message = Message(
            message_id=told.message_id,
            type=told.type,
            tenant_id=DEFAULT_TENANT,
            timestamp=told.timestamp,
            source_system="MES",
            correlation_id=told.message_id,
            source="test",
            position=0,
            received_at=told.timestamp,
            payload=told.payload,
        )
        assert decode(encode(message)) == message
