"""What a project is promised where nobody has done any work yet: the defaults of document 001."""

import pytest

from tests.gateways import own_gateway
from tests.integration.planners import admin
from tests.offices import enter, start, tasks
from tests.plants import RunningPlant

pytestmark = [pytest.mark.services, pytest.mark.timeout(180)]

TASKS, TOKENS = 12, 3000


def test_a_first_project_is_promised_the_defaults_of_its_tasks(migrated: RunningPlant) -> None:
    with own_gateway(migrated) as (client, _):
        client.headers.update(admin(migrated))
        project = enter(client, tasks=tasks(TASKS, ("code-x", "docs-x", "data-x")))
        answer = start(client, project["project_id"])
    assert answer.status_code == 200, answer.text
    assert answer.json()["promised"]["tokens"]["mean"] == pytest.approx(TASKS * TOKENS, rel=0.25)
