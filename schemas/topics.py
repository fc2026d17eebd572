"""THE REGISTRY: every topic, and for every message type the one topic and key it lives under."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from schemas.messages import (
    boms,
    estimates,
    failures,
    machines,
    materials,
    operators,
    planning,
    plans,
    production,
    repairs,
    work_orders,
)

Kind = Literal["inbox", "events", "dead-letters", "external"]
FOREVER = -1


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic: who writes it, what its key names, how long it is kept (ms, -1 = for ever)."""

    name: str
    kind: Kind
    owner: str
    key: str
    retention_ms: int
    description: str


@dataclass(frozen=True, slots=True)
class MessageType:
    """A message type: its one topic, its payload, and the payload field that, after the tenant, is the key."""

    name: str
    topic: str
    payload: type[msgspec.Struct]
    key_field: str


def _topics(*topics: Topic) -> dict[str, Topic]:
    return {topic.name: topic for topic in topics}


TOPICS = _topics(
    Topic(
        "machine-inbox",
        "inbox",
        "mes-mqtt, mes-opcua, register, jobs",
        "machine",
        FOREVER,
        "all that is said to or by a machine",
    ),
    Topic(
        "work-order-inbox", "inbox", "gateway, jobs, agents", "work order", FOREVER, "all that is said to a work order"
    ),
    Topic("material-inbox", "inbox", "gateway, jobs, agents", "material", FOREVER, "all that is said of a material"),
    Topic("operator-inbox", "inbox", "gateway, jobs", "operator", FOREVER, "all that is said of an operator"),
    Topic("prior-inbox", "inbox", "jobs", "lane and provider", FOREVER, "observations that priors learn from"),
    Topic(
        "plan-inbox",
        "inbox",
        "jobs",
        "plan or sales order",
        FOREVER,
        "confirmed sales orders and requests for plans",
    ),
    Topic("work-orders", "events", "agents", "work order", FOREVER, "what became of work orders"),
    Topic("resource-status", "events", "agents", "machine", FOREVER, "what became of machines"),
    Topic("inventory", "events", "agents", "material", FOREVER, "what became of materials"),
    Topic("hr-updates", "events", "agents", "operator", FOREVER, "what became of operators"),
    Topic("calibration-priors", "events", "agents", "lane and provider", FOREVER, "what the estimates learned"),
    Topic(
        "plans",
        "events",
        "jobs",
        "plan or what is planned",
        FOREVER,
        "plans, and changes to what is planned",
    ),
    Topic("alerts", "events", "mes-mqtt, mes-opcua, jobs, agents", "entity", FOREVER, "what a person should look at"),
    Topic("integration-failures", "dead-letters", "all", "failed message", FOREVER, "messages that need repair"),
    Topic("repairs", "events", "agents, planner, jobs", "failed message", FOREVER, "what became of repaired messages"),
    Topic("inventory-cdc", "external", "the WMS", "material", FOREVER, "the warehouse's change data capture"),
    Topic("sales-orders", "external", "the ERP", "sales order", FOREVER, "confirmed sales orders"),
)


def _types(topic: str, key_field: str, **payloads: type[msgspec.Struct]) -> list[MessageType]:
    return [MessageType(name.replace("__", "."), topic, payload, key_field) for name, payload in payloads.items()]


MESSAGES: dict[str, MessageType] = {
    message_type.name: message_type
    for message_type in [
        *_types(
            "machine-inbox",
            "machine_id",
            machine__register=machines.MachineRegistered,
            mes__production_count=machines.ProductionCount,
            mes__inspection=machines.Inspection,
            mes__downtime_started=machines.DowntimeStarted,
            mes__downtime_ended=machines.DowntimeEnded,
            mes__machine_status=machines.MachineStatus,
            mes__connection_gap=machines.ConnectionGap,
        ),
        *_types(
            "work-order-inbox",
            "work_order_id",
            erp__work_order_created=work_orders.WorkOrderCreated,
            erp__work_order_updated=work_orders.WorkOrderUpdated,
            erp__work_order_cancelled=work_orders.WorkOrderCommand,
            production__counted=work_orders.ProductionCounted,
            production__inspected=work_orders.InspectionRecorded,
            production__interrupted=work_orders.ProductionInterrupted,
            work_order__release=work_orders.WorkOrderCommand,
            work_order__start=work_orders.WorkOrderCommand,
            work_order__hold=work_orders.WorkOrderCommand,
            work_order__complete=work_orders.WorkOrderCommand,
            work_order__cancel=work_orders.WorkOrderCommand,
            work_order__archive=work_orders.WorkOrderCommand,
            work_order__assign=work_orders.WorkOrderAssign,
            reservation__decided=work_orders.ReservationDecided,
        ),
        *_types(
            "material-inbox",
            "material_id",
            erp__material_upserted=materials.MaterialUpserted,
            inventory__stock_reported=materials.StockReported,
            inventory__stock_corrected=materials.StockCorrected,
            inventory__reservation_confirmed=materials.ReservationConfirmed,
            inventory__consumption_confirmed=materials.ConsumptionConfirmed,
            material__reserve=materials.MaterialReserve,
            material__release=materials.MaterialRelease,
            material__consume=materials.MaterialConsume,
        ),
        *_types(
            "work-orders",
            "work_order_id",
            work_order__received=work_orders.WorkOrderChanged,
            work_order__changed=work_orders.WorkOrderChanged,
            work_order__completed=work_orders.WorkOrderChanged,
            work_order__progressed=work_orders.WorkOrderProgressed,
            work_order__inspected=work_orders.WorkOrderInspected,
            work_order__archived=work_orders.WorkOrderArchived,
        ),
        *_types(
            "resource-status",
            "machine_id",
            machine__registered=machines.MachineChanged,
            machine__status_changed=machines.MachineChanged,
            machine__seen=machines.MachineChanged,
            machine__status_restated=machines.StatusRestated,
            machine__gap_marked=machines.GapMarked,
            downtime__started=machines.DowntimeRecorded,
            downtime__ended=machines.DowntimeRecorded,
        ),
        *_types(
            "inventory",
            "material_id",
            material__changed=materials.MaterialChanged,
            material__consumed=materials.MaterialConsumed,
            material__consumption_acknowledged=materials.ConsumptionAcknowledged,
            reservation__changed=materials.ReservationChanged,
        ),
        *_types(
            "operator-inbox",
            "employee_id",
            hr__employee_upserted=operators.EmployeeUpserted,
            hr__employee_gone=operators.EmployeeGone,
            hr__shift_scheduled=operators.ShiftScheduled,
            hr__clocked=operators.Clocked,
        ),
        *_types(
            "hr-updates",
            "operator_id",
            operator__changed=operators.OperatorChanged,
            operator__shift_changed=operators.ShiftChanged,
        ),
        *_types("plans", "subject_id", planning__changed=planning.PlanningChanged),
        *_types(
            "plan-inbox",
            "plan_id",
            plan__mrp_requested=plans.MrpRequested,
            plan__schedule_requested=plans.ScheduleRequested,
            plan__proposal_requested=plans.ProposalRequested,
            plan__cancel_requested=plans.CancelRequested,
        ),
        *_types(
            "plans",
            "plan_id",
            plan__mrp_finished=plans.MrpFinished,
            plan__schedule_finished=plans.ScheduleFinished,
            plan__schedule_accepted=plans.ScheduleAccepted,
            plan__proposed=plans.Proposed,
            plan__failed=plans.PlanFailed,
        ),
        *_types("plan-inbox", "sales_order_id", sales_order__confirmed=production.SalesOrderConfirmed),
        *_types("plans", "production_order_id", production_order__changed=production.ProductionOrderChanged),
        *_types("plans", "bom_id", bom__created=boms.BomChanged, bom__updated=boms.BomChanged),
        *_types("prior-inbox", "prior_id", estimate__observed=estimates.Observed),
        *_types(
            "calibration-priors",
            "prior_id",
            prior__learned=estimates.PriorLearned,
            prior__observation_set_aside=estimates.ObservationSetAside,
        ),
        *_types("alerts", "entity_id", alert__raised=failures.AlertRaised),
        *_types("integration-failures", "failure_key", integration__failed=failures.IntegrationFailure),
        *_types("repairs", "failure_key", repair__settled=repairs.RepairSettled),
    ]
}


def key_of(type_name: str, tenant_id: str, payload: Any) -> bytes:
    """Kafka's key of a message: tenant and entity, so that everything about one entity is in one order."""
    return f"{tenant_id}/{getattr(payload, MESSAGES[type_name].key_field)}".encode()


def changelog_of(processor: str) -> str:
    """Name of the compacted topic that keeps a processor's states."""
    return f"mfg-{processor}-changelog"
