"""The flow of the deployment `champion`: rebuilds a registered model, and fails if it diverges."""

from pathlib import Path
from typing import Annotated, Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from lockstep.config.reading import load_params
from lockstep.errors import LockstepError
from lockstep.process.environment import prepare_environment
from lockstep.tracking.champion import CHAMPION
from lockstep.versioning import lock_file
from pipelines import run_process
from pipelines.experiment import failed
from pipelines.reporting import failures_in_one_line, forwarded
from pipelines.verification import report


@flow(name="verify", retries=0, persist_result=False)
def deployed(
    what: str | None = None, tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.01
) -> State[Any]:
    """Rebuild a model, and compare it, as `lockstep verify` does.

    Args:
        what: models:/NAME@ALIAS, a DVC experiment or a revision; unset: params.yaml's champion
        tolerance: of each metric, relative to the recorded one, for METRIC-EQUAL

    """
    run_process.record()
    root = Path.cwd()
    try:
        with failures_in_one_line(), forwarded("verify"):
            prepare_environment(root)
            lock_file.check(root)
            name = what or f"models:/{load_params(root).registered_name}@{CHAMPION}"
            found = report.verify(root, name, tolerance)
            create_markdown_artifact(f"```\n{report.page(found)}\n```", key="verify")
            report.raise_if_diverged(found)
    except LockstepError as error:
        return failed(error)
    return Completed(message=f"{found['rebuilt']}: {found['verdict']}")
