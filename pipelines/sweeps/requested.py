"""The sweep that somebody asks for, by options or in a file, checked before anything runs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockstep.config import presets, search_space, sweep_files
from lockstep.config.overrides import overridden
from lockstep.config.reading import check_params
from lockstep.config.schema import Params
from lockstep.config.yaml_files import read_yaml
from lockstep.errors import ParamsError
from lockstep.messages import choice
from lockstep.runtime.cluster import read_cluster
from lockstep.runtime.launcher import launcher
from lockstep.storage import layout
from pipelines.sweeps import definition
from pipelines.sweeps.definition import NONE, PRUNERS, SAMPLERS, Sweep
from pipelines.sweeps.parallel import check_parallel
from tasks import datasets

OPTIONS = ("preset", "trials", "parallel", "sampler", "prune", "objective")


def sweep_of(root: Path, given: list[str], options: Mapping[str, Any]) -> Sweep:
    """Return the sweep of overrides and options, and of the file that one without `=` names.

    What is given takes the place of what the file has; options that are None aren't given. Raises
    ParamsError.
    """
    names = [each for each in given if "=" not in each]
    overrides = [each for each in given if "=" in each]
    chosen = {key: each for key, each in options.items() if each is not None}
    if len(names) > 1:
        raise ParamsError(f"got the names {', '.join(names)}, expected one, and key=values")
    if names:
        file = sweep_files.read(root, names[0])
        replaced = {each.partition("=")[0] for each in overrides}
        kept = [each for each in file.assignments if each.partition("=")[0] not in replaced]
        overrides = [*kept, *overrides]
        chosen = file.model_dump(exclude={"overrides"}, exclude_none=True) | chosen
    _check_names(chosen)
    return definition.make(overrides, name=names[0] if names else "sweep", **chosen)


def _check_names(chosen: Mapping[str, Any]) -> None:
    for option, known in (("sampler", SAMPLERS), ("prune", PRUNERS)):
        if option in chosen and chosen[option] not in known:
            name = str(chosen[option])
            raise ParamsError(f"{option}: got {name!r}, expected {choice(name, known)}")


def check(root: Path, sweep: Sweep) -> None:
    """Raise ParamsError or MachineError, before anything runs, for what can't be.

    Each key's values are checked with the first ones of the others.
    """
    from pipelines.sweeps import objective  # imports NumPy

    if launcher() != "none" and (read_cluster().size > 1 or launcher() == "ray"):
        raise ParamsError(
            f"lockstep sweep: got {launcher()}, expected no launcher: a trial runs in one process"
        )
    first = {key: search_space.ends(each)[0] for key, each in sweep.space.items()}
    params = _checked(root, sweep, first)
    for key, each in sweep.space.items():
        for value in search_space.ends(each)[1:]:
            _checked(root, sweep, {**first, key: value})
    check_parallel(sweep.parallel, params)
    objective.check(sweep, params)


def _checked(root: Path, sweep: Sweep, values: Mapping[str, str]) -> Params:
    trial = definition.of_trial(sweep, values)
    assigned = presets.with_overrides(root, sweep.preset, trial)
    raw = overridden(read_yaml(root / layout.PARAMS), assigned)
    params = check_params(raw, root, "overrides")
    datasets.check_user_data(params, root)
    return params


def described(sweep: Sweep) -> list[str]:
    """Return lines that say what will be run."""
    pruned = f", pruned by the {sweep.pruner}" if sweep.pruner != NONE else ""
    return [
        f"{sweep.trials} trials by {sweep.sampler}{pruned}, {sweep.parallel} at once",
        *(f"{key}: {each}" for key, each in sweep.space.items()),
        *(f"{assignment} in all trials" for assignment in sweep.fixed),
    ]
