"""What a worker of a work pool would start for a flow run, as its own classes compute it.

python -m tests.support.prefect_jobs kubernetes|docker FLOW_RUN
"""

import asyncio
import json
import sys
from typing import Any

from prefect.client.orchestration import get_client
from prefect.workers.base import BaseJobConfiguration
from prefect_docker.worker import DockerWorkerJobConfiguration
from prefect_kubernetes.worker import KubernetesWorkerJobConfiguration

KINDS: dict[str, type[BaseJobConfiguration]] = {
    "docker": DockerWorkerJobConfiguration,
    "kubernetes": KubernetesWorkerJobConfiguration,
}


async def job(kind: str, run: str) -> dict[str, Any]:
    """The job of a flow run, from its deployment and its work pool on the server."""
    async with get_client() as client:
        flow_run = await client.read_flow_run(run)  # type: ignore[arg-type]
        deployment = await client.read_deployment(flow_run.deployment_id)
        flow = await client.read_flow(flow_run.flow_id)
        pool = await client.read_work_pool(deployment.work_pool_name)
        variables = {**deployment.job_variables, **flow_run.job_variables}
        found = await KINDS[kind].from_template_and_values(
            pool.base_job_template, variables, client=client
        )
    found.prepare_for_flow_run(flow_run, deployment=deployment, flow=flow, work_pool=pool)
    return dict(found.model_dump(mode="json"))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(job(*sys.argv[1:]))))
