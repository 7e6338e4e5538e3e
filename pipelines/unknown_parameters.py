"""Parameters of a deployed run that its flow doesn't have.

Prefect's server takes them, and its engine crashes of them before the flow could say so.
"""

from typing import Any

from prefect.client.orchestration import get_client
from prefect.runtime import flow_run
from prefect.states import Failed

from lockstep.messages import choice


def refuse() -> None:
    """Set this flow run Failed, and end this process, if it has an unknown parameter."""
    if not flow_run.id:
        return
    with get_client(sync_client=True) as client:
        run = client.read_flow_run(flow_run.id)
        known = _known(client, run.deployment_id)
        for name in run.parameters if known else ():
            if name not in known:
                message = f"{name}: unknown parameter, expected {choice(name, known)}"
                client.set_flow_run_state(run.id, Failed(message=message))
                raise SystemExit(2)


def _known(client: Any, deployment: Any) -> list[str]:
    """The names of the parameters with which a deployment was made; empty without one."""
    schema = client.read_deployment(deployment).parameter_openapi_schema if deployment else None
    return list((schema or {}).get("properties", {}))
