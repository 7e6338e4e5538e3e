"""The flow that a Prefect worker runs: one experiment in a workspace, saved and pushed."""

import os
import re
import warnings
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated, Any

from coolname.data import config as coolname_words
from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import WithJsonSchema

from lockstep.config import presets
from lockstep.config.overrides import overridden, write_overridden
from lockstep.config.reading import check_params
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import LockstepError
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.tracking import PRESET
from lockstep.tracking.run_names import run_name
from lockstep.versioning import experiments, lock_file
from lockstep.versioning.hashes import experiment_inputs
from pipelines import (
    deployment_form,
    local,
    pushing,
    run_process,
    workspace_files,
    workspaces,
    worktrees,
)
from pipelines.experiment import bring_all_up_to_date, failed
from pipelines.experiment_names import name_of
from pipelines.reporting import failures_in_one_line
from tasks import datasets

# Of which Prefect makes names up, such as rampant-mustang.
LISTS: dict[str, Any] = coolname_words
WORDS = {word for each in LISTS.values() for word in each.get("words", ())}
# Prefect makes a pydantic model of the flow's parameters, as lockstep/config/schema.py does.
warnings.filterwarnings("ignore", message='Field name "register"')
Values = dict[str, Any]
FORM = deployment_form.form(Path(__file__).parents[1])
OVERRIDES = deployment_form.overrides(FORM)
# Prefect's pages make others up, such as xi2-nusakan; those without a digit may be a person's.
PAGES_NAME = re.compile(
    "(alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|omicron|pi|rho|"
    r"sigma|tau|upsilon|phi|chi|psi|omega)\d+(-[a-z]+)+$"
)


def _run_name() -> str:
    """Return the name that somebody gave the run, or else one like that of its MLflow run."""
    given: str = flow_run.name
    words = given.split("-")
    if not (PAGES_NAME.match(given) or (len(words) == 2 and WORDS.issuperset(words))):
        return given
    workspace = Path.cwd()
    preset = flow_run.parameters.get("preset")
    assigned = deployment_form.assignments(flow_run.parameters)
    try:
        return run_name(_checked(workspace, preset, assigned), workspace, preset or "")
    except LockstepError:  # the run itself says it
        return given


@flow(name="experiment", flow_run_name=_run_name, retries=0, persist_result=False)
def deployed(
    preset: Annotated[str | None, WithJsonSchema(FORM["preset"])] = "",
    seed: Annotated[int | None, WithJsonSchema(FORM["seed"])] = None,
    data: Annotated[Values, WithJsonSchema(FORM["data"])] = {},
    normalize: Annotated[Values, WithJsonSchema(FORM["normalize"])] = {},
    model: Annotated[Values, WithJsonSchema(FORM["model"])] = {},
    train: Annotated[Values, WithJsonSchema(FORM["train"])] = {},
    evaluate: Annotated[Values, WithJsonSchema(FORM["evaluate"])] = {},
    register: Annotated[Values, WithJsonSchema(FORM["register"])] = {},
    tracking: Annotated[Values, WithJsonSchema(FORM["tracking"])] = {},
    overrides: Annotated[Values, WithJsonSchema(OVERRIDES)] = {},
) -> State[Any]:
    """Run one experiment: the preset, then the keys of params.yaml that are given here.

    Args:
        preset: the name of a preset; `lockstep presets` lists them
        overrides: more keys as in `lockstep run`, such as {"train.epochs": 3}; they come last

    """
    run_process.record()
    workspace = Path.cwd()  # the workspace that the pull step made
    main = main_checkout(workspace)
    os.chdir(main)  # the workspace is removed before the run ends
    assigned = deployment_form.assignments(flow_run.parameters)
    try:
        with failures_in_one_line(), _removed(main, workspace):
            lock_file.check(workspace)
            _apply_overrides(workspace, preset, assigned)
            experiments.checkout(workspace)
            local.check_machine(workspace)
            local.prepare(workspace)
            local.import_ahead(workspace)
            inputs = experiment_inputs(workspace)
            name = name_of([preset or "", *assigned], inputs.key)
            os.environ |= {experiments.NAME: name, PRESET: preset or ""}
            bring_all_up_to_date(workspace)
            workspaces.save(workspace, name, inputs, preset)
            left = pushing.push(main, workspace, name)
    except LockstepError as error:
        return failed(error)
    return Completed(message=f"saved as {name}{left}")


def _removed(main: Path, workspace: Path) -> AbstractContextManager[None]:
    """Remove the workspace after the block; it is kept after a failure, but not after a stop.

    On another machine each run has a clone instead, which Prefect removes.
    """
    if main == workspace:
        return nullcontext()
    return workspaces.removed(main, workspace)


def _apply_overrides(workspace: Path, preset: str | None, assigned: list[str]) -> None:
    """Apply the preset and then the overrides to params.yaml, and add the files that it names.

    Raises ParamsError.
    """
    project = worktrees.project_of(workspace)
    values = _checked(workspace, preset, assigned)
    datasets.check_user_data(values, project)
    datasets.check_batch_size(values, project)
    write_overridden(workspace / layout.PARAMS, _assignments(project, preset, assigned))
    if project != workspace:
        workspace_files.add_inputs(project, workspace, preset)


def _checked(workspace: Path, preset: str | None, assigned: list[str]) -> Params:
    """Return the parameters with the preset and the overrides; raises ParamsError."""
    project = worktrees.project_of(workspace)
    raw = read_yaml(workspace / layout.PARAMS)
    values = overridden(raw, _assignments(project, preset, assigned))
    return check_params(values, project, "overrides")


def _assignments(project: Path, preset: str | None, assigned: list[str]) -> list[str]:
    return presets.with_overrides(project, preset, assigned)
