"""Runs one stage in the current directory: python -m tasks STAGE."""

import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from lockstep.process import bytecode, hash_seed, stopping

if __name__ == "__main__":
    stopping.postpone()  # until the imports below have ended
    hash_seed.fix()
    bytecode.write_only_with_room()

from lockstep.config.graph import read_graph
from lockstep.config.reading import load_params
from lockstep.config.schema import Params
from lockstep.config.versions import check_versions
from lockstep.errors import DataError
from lockstep.process.environment import check_system, leave_git_hook, prepare_environment
from lockstep.process.exit_codes import exit_code
from lockstep.process.restored import restored
from lockstep.process.runner import end_with_runner
from lockstep.runtime import devices, random_numbers, settings, user_modules
from lockstep.runtime.launcher import starts_workers
from lockstep.runtime.tensorflow_import import load_tensorflow
from lockstep.storage import layout
from lockstep.storage.checkout import check_folder_name
from lockstep.versioning import lock_file, locks, steady_inputs, verification

USE_TENSORFLOW = ("build", "train", "evaluate")


def main(arguments: list[str]) -> int:
    """Run the named stage and return its exit code."""
    stopping.handle("stage")
    known = stage_names()
    if len(arguments) != 1 or arguments[0] not in known:
        print(f"usage: python -m tasks {{{','.join(known)}}}", file=sys.stderr)
        return 2
    (stage,) = arguments
    with exit_code(stage) as outcome:
        check_system()
        leave_git_hook()
        check_folder_name(Path.cwd())
        end_with_runner()
        lock_file.check(Path.cwd())
        locks.drop_ended(Path.cwd())
        run_stage(stage, Path.cwd())
    return outcome.code


def stage_names() -> list[str]:
    """Return the stage names: the files in tasks/ without a leading underscore."""
    files = Path(__file__).parent.glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def run_stage(name: str, root: Path) -> None:
    """Check the parameters and inputs, then run a stage in the workspace `root`, in this process.

    All inputs of `register` are read again, since a registered model is for others to use.
    """
    params = load_params(root)
    if name == "train":
        devices.replicas(params)  # reports mistakes before TensorFlow's slow import
    check_versions(root)
    if name in ("build", "train"):
        from lockstep.evaluation.gate import check_before_training  # imports NumPy

        check_before_training(params, root)
    _check_inputs(name, params, root)
    prepare_environment(root)
    verification.verify_inputs(root, name, again=name == "register")
    user_modules.forget(root)
    settings.reset()
    random_numbers.keep_for_this_thread()
    # For the data set's file; TensorFlow's stages seed again. No parameter changes a download.
    random_numbers.seed(0 if name == "download" else params.seed)
    stage = _stage(name)
    try:
        with steady_inputs.required(root, name, params), restored():
            stage(params, root)
    except FileNotFoundError as error:
        if not str(error.filename).startswith(tuple(f"{root}/{each}" for each in layout.RESULTS)):
            raise
        raise _missing(name, error.filename) from None
    if (root / ".dvc").exists():
        verification.require_cache_space(root, name)


def _stage(name: str) -> Callable[[Params, Path], None]:
    """Return the stage's function, or one by which a cluster's nodes compute the same."""
    if starts_workers():
        from lockstep.launchers.ray_stages import on_cluster

        return on_cluster(name, _own_stage)
    return _own_stage(name)


def _own_stage(name: str) -> Callable[[Params, Path], None]:
    if name in USE_TENSORFLOW:
        load_tensorflow()
    stage: Callable[[Params, Path], None] = getattr(import_module(f"tasks.{name}"), name)
    return stage


def _check_inputs(name: str, params: Params, root: Path) -> None:
    """Raise DataError if another stage's result that a stage depends on doesn't exist."""
    stage = read_graph(root, params).get(name)
    for dep in stage.deps if stage else ():
        made = dep.startswith(layout.RESULTS) and dep != params.data.path
        if made and not (root / dep).exists():
            raise _missing(name, root / dep)


def _missing(name: str, path: object) -> DataError:
    return DataError(
        f"{path}: no such file or folder, but the stage {name} depends on it: `dvc repro` runs the "
        "stages before it, `dvc pull` fetches their results"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
