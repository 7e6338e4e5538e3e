"""The flow that a Prefect worker runs: one experiment in a workspace of its own, saved, shared."""

import json
import os
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from lockstep.config import presets
from lockstep.config.overrides import overridden, write_overridden
from lockstep.config.reading import check_params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import LockstepError
from lockstep.storage import layout
from lockstep.storage.checkout import main_checkout
from lockstep.versioning import experiments
from lockstep.versioning.hashes import experiment_key
from pipelines import local, workspaces
from pipelines.experiment import experiment


@flow(name="experiment", persist_result=False)
def deployed(overrides: dict[str, Any] = {}, preset: str | None = None) -> State[Any]:  # noqa: B006
    """Run one experiment of a checkout, with parameters changed as by `lockstep run`.

    Args:
        overrides: parameters to change, such as {"train.epochs": 3}
        preset: the name of a well-known experiment; `lockstep presets` lists them

    """
    place = Path.cwd()  # the workspace that the pull step made
    main = main_checkout(place)
    os.chdir(main)  # the workspace goes before the run ends
    own = [f"{key}={json.dumps(value)}" for key, value in overrides.items()]
    try:
        with _removed(main, place):
            _change(place, preset, own)
            experiments.fetch(place)
            local.prepare(place)
            name = workspaces.name_of([preset or "", *own], experiment_key(place))
            os.environ[experiments.NAME] = name
            experiment.fn(place)
            workspaces.save(main, place, name)
            experiments.push(place, name)
    except LockstepError as error:
        # As a state, so that Prefect shows the line itself as what the run ended with.
        return Failed(message=" ".join(str(error).split()), data=error)
    return Completed(message=f"saved as {name}")


def _removed(main: Path, place: Path) -> AbstractContextManager[None]:
    """What removes the workspace after the block; a failure may be looked at there, a stop not.

    A machine of its own has a clone for each run instead, which Prefect removes.
    """
    if main == place:
        return nullcontext()
    return workspaces.removed(main, place, kept=Exception)


def _change(place: Path, preset: str | None, own: list[str]) -> None:
    """Put a preset's values and then the run's own into the workspace; raises ParamsError."""
    assignments = [*(presets.assignments(place, preset) if preset else []), *own]
    file = place / layout.PARAMS
    check_params(overridden(read_yaml(file), assignments), place, "overrides")
    write_overridden(file, assignments)
