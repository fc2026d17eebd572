"""Projects, their tasks, runs and overrides as the API shows and takes them (document 001)."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

from schemas.views.values import View

RunKind = Literal["baseline", "rehearsal", "replay", "hotfix"]
ProjectStatus = Literal["pending", "running", "completed", "cancelled"]
RunStatus = Literal["submitted", "running", "completed", "failed", "cancelled"]
Complexity = Literal["trivial", "simple", "moderate", "complex", "extreme"]
MOST_TASKS = 2_000
LONGEST_FORMULA = 20


def _named(text: str) -> str:
    if text != text.strip() or not text.isprintable():
        raise ValueError("it begins or ends with a blank, or has characters that cannot be seen")
    return text


Lane = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[^/]+$"), AfterValidator(_named)]
Provider = Lane
TaskId = Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_named)]
Share = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Figure = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class TaskBody(_Body):
    """A task of a project. Without a provider the lane's usual one does it; the figures are somebody's own guess."""

    task_id: TaskId
    title: Annotated[str, Field(max_length=400)] = ""
    phase: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_named)] = "build"
    lane_id: Lane
    provider: Provider | None = None
    complexity: Complexity = "moderate"
    kpi_formula: Annotated[list[dict[str, Any]], Field(max_length=LONGEST_FORMULA)] = Field(
        default_factory=list, description="validators that judge its result, with their parameters"
    )
    tokens: Figure | None = None
    duration_minutes: Figure | None = None
    cost_usd: Figure | None = None


class TasksBody(_Body):
    """Tasks to add to a project."""

    tasks: Annotated[list[TaskBody], Field(min_length=1, max_length=MOST_TASKS)]


class ProjectBody(_Body):
    """A new project, with its tasks or without. A budget of zero is one; none at all is no limit."""

    name: Annotated[str, Field(min_length=1, max_length=128), AfterValidator(_named)]
    prd_path: Annotated[str, Field(max_length=400)] | None = None
    budget_usd_max: Figure | None = None
    tasks: Annotated[list[TaskBody], Field(max_length=MOST_TASKS)] = Field(default_factory=list)


class StartBody(_Body):
    """How a run is started. A rehearsal carries out a share of the tasks only, one per cent where none is named."""

    run_kind: RunKind = "baseline"
    provider_matrix: dict[Lane, Provider] | None = Field(
        None, description="provider of each lane that is not the usual"
    )
    rehearsal_pct: Share | None = Field(None, description="share of the tasks, of a rehearsal: 0.01 is one per cent")


class OverrideBody(_Body):
    """A person's judgement of what one task of a lane takes: at least one figure, and why."""

    lane_id: Lane
    provider: Provider | None = Field(None, description="the lane's usual one where none is named")
    task_id: TaskId | None = None
    tokens: Figure | None = None
    duration_minutes: Figure | None = None
    cost_usd: Figure | None = None
    weight: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = Field(
        0.5, description="how much it counts beside an observation"
    )
    reason: Annotated[str, Field(min_length=1, max_length=2000)]


class TaskView(View):
    """A task of a project."""

    task_id: str
    title: str
    phase: str
    lane_id: str
    provider: str | None
    complexity: Complexity
    kpi_formula: list[Any]
    tokens: float | None
    duration_minutes: float | None
    cost_usd: float | None
    created_at: AwareDatetime


class RunView(View):
    """A run of a project, with what it took so far."""

    run_id: str
    project_id: int
    run_kind: RunKind
    rehearsal_pct: float | None
    provider_matrix: dict[str, str]
    status: RunStatus
    pas_run_id: str | None = Field(description="the PAS's id of it, once it has the job card")
    requested_by: str
    started_at: AwareDatetime
    completed_at: AwareDatetime | None
    failure: str | None
    task_count: int
    completed_count: int
    failed_count: int
    missing_count: int = Field(description="tasks that the run ended without")
    tokens: float
    duration_minutes: float
    usd_spent: float


class RunTaskView(View):
    """A task of a run: what was promised when it started, what it took."""

    task_id: str
    title: str
    phase: str
    lane_id: str
    provider: str
    complexity: Complexity
    promised: dict[str, Any] = Field(description="per figure the quantiles, and the documented smoothing beside them")
    prior_version: int = Field(description="version of the prior that the promise came from; 0: factory defaults")
    status: Literal["waiting", "completed", "failed", "missing"]
    tokens: float | None
    duration_minutes: float | None
    cost_usd: float | None
    quality: float | None
    completed_at: AwareDatetime | None


class RunDetail(RunView):
    """A run with its tasks."""

    tasks: list[RunTaskView]


class RunList(View):
    """Runs of a project, the latest first."""

    runs: list[RunView]


class ProjectView(View):
    """A project as it stands."""

    project_id: int
    name: str
    prd_path: str | None
    budget_usd_max: float | None = Field(description="most it may cost; absent: no limit")
    status: ProjectStatus
    task_count: int
    run_count: int
    usd_spent: float = Field(description="what the tasks of all its runs cost so far")
    version: int
    created_at: AwareDatetime
    created_by: str
    updated_at: AwareDatetime
    updated_by: str


class ProjectDetail(ProjectView):
    """A project with its tasks and its latest runs."""

    tasks: list[TaskView]
    runs: list[RunView]


class ProjectPage(View):
    """A page of projects, the newest first; `next_cursor` is absent on the last one."""

    projects: list[ProjectView]
    next_cursor: str | None


class TasksAdded(View):
    """The tasks of a project after some were added."""

    project_id: int
    added: int
    tasks: list[TaskView]


class PromisedTotal(View):
    """What is promised of a figure for all tasks together."""

    mean: float
    p5: float
    p50: float
    p95: float


class Started(View):
    """A run that has begun."""

    run_id: str
    project_id: int
    run_kind: RunKind
    rehearsal_pct: float | None
    provider_matrix: dict[str, str] = Field(description="provider of each lane of its tasks")
    status: RunStatus
    task_count: int
    promised: dict[str, PromisedTotal] = Field(description="per figure; empty where the run has no tasks")
    message: str


class SampledTask(View):
    """A task that was drawn, and what it is expected to take."""

    task_id: str
    lane_id: str
    provider: str
    complexity: Complexity
    tokens: float
    duration_minutes: float
    cost_usd: float


class StratumView(View):
    """The tasks of one complexity, and how many of them were drawn."""

    complexity: Complexity
    tasks: int
    sampled: int


class ExtrapolatedView(PromisedTotal):
    """The whole project by its sample: by how much it is uncertain because not all was looked at, and by chance."""

    std: float
    sampling_std: float
    own_std: float


class Simulated(View):
    """A rehearsal on paper: no run, no job card."""

    project_id: int
    rehearsal_pct: float
    seed: int = Field(description="the same seed draws the same tasks")
    task_count: int
    sampled_count: int
    strata: list[StratumView]
    sampled_tasks: list[SampledTask]
    extrapolated: dict[str, ExtrapolatedView] = Field(description="per figure")
    budget_usd_max: float | None
    is_submitted: Literal[False] = Field(False, description="nothing was sent to the PAS")


class OverrideView(View):
    """A person's judgement, with what we estimated then."""

    override_id: str
    project_id: int
    task_id: str | None
    lane_id: str
    provider: str
    tokens: float | None
    duration_minutes: float | None
    cost_usd: float | None
    estimated: dict[str, Any]
    weight: float
    reason: str
    overridden_by: str
    overridden_at: AwareDatetime


class OverrideList(View):
    """Judgements of a project, the latest first."""

    project_id: int
    overrides: list[OverrideView]


class CompletionTaken(View):
    """What became of a completion: said again, it is answered with the same words."""

    status: Literal["accepted"] = "accepted"
    run_id: str
    project_id: int
    run_status: RunStatus
    completed: int
    failed: int
    missing: int
    set_aside: list[str] = Field(description="tasks that the run does not have: a dead letter holds them")
