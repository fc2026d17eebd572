"""Every setting, once: its environment variable (the name in capitals), type, default and meaning."""

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from schemas.ids import DEFAULT_TENANT as DEFAULT_TENANT


class MachineLayout(BaseModel):
    """A machine of the plant. `products` it can make (none named: what it has made, and what its line is asked for)."""

    machine_id: str
    machine_name: str
    line: str
    counter_scope: Literal["order", "machine"] = "order"
    ideal_cycle_time_seconds: float | None = None
    opcua_endpoint: str | None = None
    products: list[str] = Field(default_factory=list)
    required_skills: list[str] = Field(default_factory=list)


class OpcUaEndpoint(BaseModel):
    """An OPC-UA server and how to speak to it. An empty `url` means the setting OPCUA_URL."""

    name: str
    url: str = ""
    namespace_uri: str = "urn:plant:mes"
    root_path: str = "MES.Machines"
    node_ids: dict[str, str] = Field(default_factory=dict)
    security_policy: Literal["None", "Basic256Sha256", "Aes128Sha256RsaOaep", "Aes256Sha256RsaPss"] = "None"
    security_mode: Literal["None", "Sign", "SignAndEncrypt"] = "None"
    certificate: str | None = None
    private_key: str | None = None
    trust_list: str | None = None
    username: str | None = None
    password: str | None = None


StopClass = Literal["planned_stop", "breakdowns", "setup_and_adjustments", "idling_and_minor_stops"]
STOP_CLASSES: dict[str, StopClass] = {
    **dict.fromkeys(("PLANNED_STOP", "BREAK", "MEETING", "TRAINING", "NO_DEMAND", "HOLIDAY"), "planned_stop"),
    **dict.fromkeys(("PLANNED_MAINTENANCE", "PREVENTIVE", "INSPECTION", "CLEANING"), "planned_stop"),
    **dict.fromkeys(("MECH_FAULT", "ELEC_FAULT", "TOOL_BREAKAGE", "CORRECTIVE", "POWER_FAILURE"), "breakdowns"),
    **dict.fromkeys(("SETUP", "CHANGEOVER", "TOOL_CHANGE", "ADJUSTMENT", "CALIBRATION"), "setup_and_adjustments"),
    **dict.fromkeys(("NO_MATERIAL", "NO_OPERATOR", "STARVED", "BLOCKED"), "idling_and_minor_stops"),
}
"""What a stop counts as in OEE, by its reason; of other reasons its length decides."""


class PlantLayout(BaseModel):
    """The plant: its tenant's machines, OPC-UA servers and MQTT filters (one TOML file).

    `calendar`: when machines are open that are no work centre with a calendar of its own, in the form of those.
    `stop_classes` are added to those that every plant has.
    """

    machines: list[MachineLayout]
    calendar: dict[str, Any] | None = None
    stop_classes: dict[str, StopClass] = Field(default_factory=dict)
    opcua: list[OpcUaEndpoint] = Field(default_factory=list)
    mqtt_filters: list[str] = Field(
        default_factory=lambda: [
            "mes/production/+/machine/+/count",
            "mes/quality/+/machine/+/inspection",
            "mes/downtime/+/machine/+/event",
        ]
    )


class Settings(BaseSettings):
    """What a process must be told. Limits named in the documents have the documents' value as default."""

    model_config = SettingsConfigDict(env_file=None, extra="ignore")

    tenant_id: str = Field(DEFAULT_TENANT, description="tenant that plant sources and the first client belong to")
    plant_layout: Path = Field(
        Path("compose/plant.toml"), description="TOML file with machines, OPC-UA servers, filters"
    )
    spool_dir: Path = Field(Path(".run/spool"), description="folder for durable buffers and marks on local disk")
    metrics_port: int = Field(0, ge=0, le=65535, description="loopback port of /metrics; 0 = none")
    metrics_host: str = Field("127.0.0.1", description="address of /metrics; anything but loopback shows it to others")
    log_level: str = Field("INFO", description="least level that is logged")

    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma separated")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how to speak to Kafka"
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="how to sign in to Kafka; PLAIN tells the password, so over TLS only"
    )
    kafka_sasl_username: str | None = Field(None, description="user of Kafka's")
    kafka_sasl_password: str | None = Field(None, repr=False, description="its password")
    kafka_user_passwords: str = Field(
        "{}",
        repr=False,
        description="JSON of users and passwords for `connectors access` to set; nobody else needs it",
    )
    kafka_ca_location: str | None = Field(None, description="PEM file of the authority that signed the brokers")
    partitions: int = Field(8, ge=1, le=1024, description="partitions of a topic that we create")
    replication: int = Field(1, ge=1, le=5, description="replicas of a topic that we create")
    min_insync_replicas: int = Field(1, ge=1, le=5, description="replicas that must have a message before it counts")
    retention_ms: int = Field(-1, description="how long topics are kept, -1 = for ever")
    session_timeout_ms: int = Field(10_000, description="after how long a silent worker loses its partitions")

    database_url: str = Field(
        "postgresql://plant_app@127.0.0.1/plant", repr=False, description="Postgres, application role"
    )
    owner_database_url: str | None = Field(
        None, repr=False, description="Postgres, owner of the tables; for migrations only"
    )
    analyst_database_url: str | None = Field(None, repr=False, description="Postgres, read-only role for analysts")
    projector_batch: int = Field(5_000, description="most records in one transaction of the projector")
    projector_wait_seconds: float = Field(0.02, description="how long the projector gathers records for a transaction")

    projector_pace_seconds: float = Field(0.1, description="in a trickle, so long from one transaction to the next")

    mqtt_url: str = Field("mqtt://127.0.0.1:1883", description="MQTT broker; mqtts:// for TLS")
    mqtt_username: str | None = Field(None, description="MQTT user")
    mqtt_password: str | None = Field(None, repr=False, description="MQTT password")
    mqtt_client_id: str = Field("mraos_production_listener", description="client id of the persistent session")
    mqtt_ca_file: str | None = Field(None, description="PEM file of the authority that signed the broker")
    mqtt_cert_file: str | None = Field(None, description="client certificate, PEM")
    mqtt_key_file: str | None = Field(None, description="client key, PEM")
    mqtt_keepalive_seconds: int = Field(10, description="MQTT keep-alive")

    opcua_url: str = Field("opc.tcp://127.0.0.1:4840", description="OPC-UA server, where the layout names none")
    opcua_subscription_interval_ms: int = Field(250, description="publishing interval; 002 names 30000")
    opcua_keepalive_ms: int = Field(10_000, description="after how long without a sign of life the link counts as lost")
    opcua_history_values: int = Field(
        20_000, ge=0, description="most values of a variable that are read back after an outage; 0 = none are"
    )
    reconnect_delays: str = Field(
        "5,15,30,60,300", description="seconds before each try to reconnect (002 section 4.4)"
    )
    reconnect_cap_seconds: float = Field(300, description="longest wait before a try to reconnect")
    reconnect_knock_seconds: float = Field(
        5, gt=0, description="how often it is looked, during a longer wait, whether a server that was away is back"
    )

    line_stop_window: int = Field(
        2_000, ge=0, description="latest messages of a line that are looked at for one cause of failures; 0 = never"
    )
    line_stop_share: float = Field(
        0.5, gt=0, le=1, description="a line stops when more than this share of them failed with one cause"
    )

    stale_seconds: float = Field(300, description="older messages are refused while the link was up (002 section 4.4)")
    future_seconds: float = Field(300, description="messages further in the future are refused")
    max_message_bytes: int = Field(256 * 1024, description="largest message accepted")
    spool_max_bytes: int = Field(4 * 1024**3, description="largest spool on disk; a full one stops acknowledging")

    gateway_host: str = Field("127.0.0.1", description="address the gateway listens on")
    gateway_port: int = Field(8080, description="port the gateway listens on")
    gateway_cert_file: Path | None = Field(None, description="PEM file with the gateway's certificate; none = no TLS")
    gateway_key_file: Path | None = Field(None, description="PEM file with its key")
    gateway_url: str = Field("http://127.0.0.1:8080", description="where people and systems reach the gateway")
    command_wait_seconds: float = Field(
        2.0, description="how long a command waits for its outcome before it answers 202"
    )
    rate_limit_per_minute: int = Field(100, description="ERP requests per minute and client (002 section 3.3)")
    tenant_quota_per_minute: int = Field(
        30_000, ge=0, description="requests per minute of all clients of a tenant together; 0 = no limit"
    )
    gateway_header_seconds: float = Field(10, gt=0, description="how long the headers of a request may take to come")
    gateway_body_seconds: float = Field(30, gt=0, description="how long its body may take to come")
    attendance_limit_per_minute: int = Field(1000, description="HR attendance requests per minute (002 section 5.3)")

    oauth_token_url: str = Field("http://127.0.0.1:8080/oauth/token", description="where clients get tokens")
    oauth_issuer: str = Field("plant-gateway", description="`iss` that tokens must carry")
    oauth_audience: str = Field("mraos", description="`aud` that tokens must carry")
    oauth_client_id: str = Field("mraos_integration_client", description="client of the built-in issuer")
    oauth_client_secret: str | None = Field(None, repr=False, description="its secret")
    oauth_signing_key: Path | None = Field(
        None, description="PEM file of the built-in issuer's RSA keys: the first signs, all verify"
    )
    oauth_jwks_url: str | None = Field(None, description="keys of an issuer outside; none = built-in issuer only")
    oauth_token_seconds: int = Field(3600, description="life of a token of the built-in issuer")
    oauth_leeway_seconds: int = Field(60, le=60, description="tolerated clock difference for tokens")
    admin_token: str | None = Field(None, repr=False, description="bearer token of the first operator")
    hr_api_key: str | None = Field(None, repr=False, description="X-API-Key of the HR system")

    oidc_issuer_url: str | None = Field(
        None, description="OpenID Connect provider that people sign in at; none = by token only"
    )
    oidc_client_id: str = Field("plant-console", description="our client id there")
    oidc_client_secret: str | None = Field(
        None, repr=False, description="our client secret there; none = a public client"
    )
    oidc_scope: str = Field("openid profile email", description="scopes that are asked for there")
    oidc_roles_claim: str = Field("roles", description="claim of the ID token with the roles; dots go into objects")
    oidc_role_map: str = Field(
        "", description="`theirs=ours, ..` with viewer, operator, planner, integration_admin, admin; none = same names"
    )

    plant_timezone: str = Field("UTC", description="time zone of the plant: what runs daily runs by its clock")
    erp_url: str | None = Field(None, description="where the ERP is called; none = it is not called")
    mes_url: str | None = Field(None, description="where the MES is called; none = it is not called")
    hr_url: str | None = Field(None, description="where the HR system is called; none = it is not called")
    wms_url: str | None = Field(None, description="where the warehouse is called; none = it is not called")
    pas_url: str | None = Field(None, description="where the PAS takes job cards; none = runs stay submitted")
    pas_webhook_secret: str | None = Field(
        None,
        repr=False,
        description="secret the PAS signs its completions with (Standard Webhooks, `whsec_..`); "
        "while it is rotated two, with a space between",
    )
    integration_token_url: str | None = Field(
        None, description="authorization server for calls to ERP, HR, WMS and PAS"
    )
    integration_client_id: str = Field("mraos_integration_client", description="our client id there")
    integration_client_secret: str | None = Field(None, repr=False, description="our client secret there")
    integration_scope: str = Field(
        "erp.read erp.write mes.read hr.read inventory.readwrite pas.write",
        description="scopes that are asked for there",
    )
    token_refresh_before_expiry_seconds: float = Field(300, description="a token is renewed so long before it expires")
    mes_username: str | None = Field(None, description="user for calls to the MES (HTTP Basic)")
    mes_password: str | None = Field(None, repr=False, description="its password")
    call_allowed: str = Field(
        "",
        description="hosts and networks, comma separated, that may be called though they are this machine, the link's "
        "or a metadata service's; `127.0.0.1` and `localhost` in a URL setting need no entry",
    )
    integration_ca_file: str | None = Field(None, description="PEM file of the authority that signed those systems")
    inventory_location: str = Field("Plant1", description="`location` whose stock levels are asked for")
    hr_department: str = Field("Manufacturing", description="`department` whose employees and shifts are asked for")
    overtime_from_minutes: float = Field(
        15, ge=0, description="work beyond the planned time counts as overtime from so many minutes on"
    )
    cost_center: str = Field("CC-Manufacturing", description="cost centre of material consumption")

    call_timeout_seconds: float = Field(10, gt=0, description="how long a call may take before it counts as timed out")
    retry_unauthorized: str = Field("0", description="seconds before each retry after 401 (002 section 7.1)")
    retry_rate_limited: str = Field(
        "30,60,120,240,480,960",
        description="seconds before each retry after 429; Retry-After counts where it is longer",
    )
    retry_not_found: str = Field("30", description="seconds before each retry after 404")
    retry_server_error: str = Field("300,900,1800", description="seconds before each retry after 500 to 503")
    retry_timeout: str = Field("60,300", description="seconds before each retry after 504 or no answer in time")
    retry_network: str = Field("0,60,300", description="seconds before each retry after a network error")
    breaker_failures: int = Field(
        5, ge=1, description="failures in a row that open a circuit breaker (002 section 7.3)"
    )
    breaker_seconds: float = Field(60, gt=0, description="how long it stays open before one probe")
    deliveries_retention_days: float = Field(90, description="how long answered deliveries are kept")
    audit_retention_days: float = Field(365, description="how long the integration audit log is kept")

    consumption_report_by: Literal["api", "sftp"] = Field("api", description="how the hourly consumption report goes")
    sftp_url: str | None = Field(None, repr=False, description="sftp://user:password@host:port/folder for that file")
    sftp_known_hosts: str | None = Field(None, description="known_hosts file that names the SFTP server's key")
    sftp_key_file: str | None = Field(None, description="private key for SFTP, instead of a password")
    smtp_url: str | None = Field(None, repr=False, description="smtp://user:password@host:port (smtps:// for TLS)")
    mail_from: str = Field("plant@localhost", description="sender of e-mails")
    reconciliation_mail_to: str | None = Field(
        None, description="operations manager, who gets the reconciliation report"
    )
    reconciliation_grace_seconds: float = Field(
        300, ge=0, description="what changed so shortly before a reconciliation may be in transit: it is no discrepancy"
    )
    alert_mail_to: str | None = Field(None, description="who gets warnings by e-mail")
    alert_slack_url: str | None = Field(None, repr=False, description="Slack-compatible webhook for warnings")
    alert_webhook_url: str | None = Field(None, repr=False, description="webhook for critical alerts (pager)")
    alerts_at_once: int = Field(
        20, ge=1, description="alerts of one kind within 10 minutes that are told one by one; further ones are gathered"
    )

    credentials_dir: Path | None = Field(
        None, description="folder with a file per secret (`oauth_client_secret`, ...), read at every use"
    )
    credentials_key_file: Path | None = Field(
        None, description="file with the AES-256 keys that stored credentials are encrypted with"
    )
    credential_max_age_days: float = Field(90, description="a credential older than this is to be rotated")

    export_rows_max: int = Field(1_000_000, ge=1, description="most rows that are taken out as one file")
    query_seconds: float = Field(5, gt=0, description="a ready query of the console that takes longer is broken off")
    query_rows_max: int = Field(1000, ge=1, description="most rows of a ready query that the console shows")

    kpi_database_url: str | None = Field(
        None, repr=False, description="Postgres that KPI validators read: a URL (`default`), or JSON of names and URLs"
    )
    kpi_artifacts: Path | None = Field(None, description="folder below which KPI validators find test reports")
    kpi_artifact_bytes: int = Field(16 * 1024**2, ge=1, description="largest test report that is read")
    kpi_seconds: float = Field(20, gt=0, description="how long all KPI validators of a task may take together")
    rehearsal_file: Path | None = Field(
        None, description="what a fault rehearsal of this plant writes; a page shows it"
    )
    prometheus_url: str | None = Field(None, description="Prometheus that KPI validators ask; none = none is asked")

    oee_minor_stop_minutes: float = Field(
        5, gt=0, description="a stop without a known reason is a breakdown from this length on, a minor stop below"
    )
    oee_startup_minutes: float = Field(
        10, ge=0, description="scrap told so soon after a machine began to run again is a startup reject"
    )

    simulator_rate: float = Field(20, gt=0, description="messages per second of the demo's simulated MQTT machines")
    plans_retention_days: float = Field(
        90, gt=0, description="MRP runs, schedules and proposals older than this are archived in short and deleted"
    )
    archive_after_days: float = Field(7, description="closed orders leave the workers' memory after so many days")

    @cached_property
    def layout(self) -> PlantLayout:
        """The plant layout, read from its file."""
        return PlantLayout.model_validate(tomllib.loads(self.plant_layout.read_text()))

    def kafka(self, **options: object) -> dict[str, object]:
        """confluent-kafka's configuration for this cluster, with further options over it."""
        config: dict[str, object] = {
            "bootstrap.servers": self.kafka_bootstrap,
            "security.protocol": self.kafka_security_protocol,
        }
        if self.kafka_security_protocol.startswith("SASL"):
            config |= {
                "sasl.mechanism": self.kafka_sasl_mechanism,
                "sasl.username": self.kafka_sasl_username,
                "sasl.password": self.kafka_sasl_password,
            }
        if self.kafka_ca_location:
            config["ssl.ca.location"] = self.kafka_ca_location
        return config | options
